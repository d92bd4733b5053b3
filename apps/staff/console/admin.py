"""Page of staff accounts."""

import copy
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from unfold.forms import AdminPasswordChangeForm

from apps.common.console.admin import format_datetime
from apps.events import changes
from apps.events.console.base import CREATED, UPDATED, ConsoleAdmin
from apps.staff import accounts, lockout, second_factor
from apps.staff.console.forms import StaffCreationForm, StaffForm
from apps.staff.roles import Role

admin.site.unregister(Group)
admin.site.unregister(User)


@admin.register(User)
class StaffAdmin(UserAdmin, ConsoleAdmin):  # type: ignore[misc,type-arg]
    """Page of the console accounts, each with one role. Only administrators can change them."""

    title = _("Staff accounts")
    form = StaffForm
    add_form = StaffCreationForm
    change_password_form = AdminPasswordChangeForm
    secret_fields = accounts.SECRET_FIELDS
    can_undo = False
    list_display = ("username", "name", "role_label", "is_active", "last_sign_in")
    list_filter = ()
    search_fields = ()
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_sign_in", "password_link", "role_label", "locked", "second_factor")
    add_fieldsets = ((None, {"fields": ("username", "role", "password1", "password2")}),)

    def __init__(self, model: type[User], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        # A copy, so that buttons and messages say "staff account" and the model of Django stays as it is.
        self.opts = copy.copy(self.opts)
        self.opts.verbose_name = _("staff account")
        self.opts.verbose_name_plural = self.title

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        page = super().get_changelist_instance(request)
        page.opts = self.opts
        return page

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        may_change = self.has_change_permission(request, obj)
        role = "role" if may_change and obj != request.user else "role_label"
        password = ("password_link",) if may_change else ()
        unlock = ("unlock",) if may_change and lockout.locks(obj.username) else ()
        # The second factor of the own account is changed on its own page, which requires the password.
        may_remove = may_change and obj != request.user and second_factor.is_enrolled(obj)
        removal = ("remove_second_factor",) if may_remove else ()
        return (
            (None, {"fields": ("username", role, "is_active", *password)}),
            (_("Person"), {"fields": ("first_name", "last_name", "email")}),
            (_("Use"), {"fields": ("last_sign_in", "locked", *unlock)}),
            (_("Second factor"), {"fields": ("second_factor", *removal)}),
        )

    @admin.display(description=_("role"), empty_value="-")
    def role_label(self, user: User) -> str | None:
        role = accounts.get_role(user)
        return str(role.label) if role else None

    @admin.display(description=_("name"))
    def name(self, user: User) -> str:
        return user.get_full_name() or "-"

    @admin.display(description=_("last sign-in (UTC)"))
    def last_sign_in(self, user: User) -> str:
        return format_datetime(user.last_login)

    @admin.display(description=_("locked after wrong passwords"))
    def locked(self, user: User) -> str:
        active_locks = lockout.locks(user.username)
        if lockout.ALL_ADDRESSES in active_locks:
            return _("until %(moment)s (UTC)") % {"moment": format_datetime(active_locks[lockout.ALL_ADDRESSES])}
        return ", ".join(
            _("for %(address)s until %(moment)s (UTC)") % {"address": address, "moment": format_datetime(until)}
            for address, until in sorted(active_locks.items())
        ) or str(_("no"))

    @admin.display(description=_("second factor"))
    def second_factor(self, user: User) -> str:
        factors = [str(_("authenticator app"))] if second_factor.get_app(user) else []
        factors += [
            str(_("passkey “%(name)s”") % {"name": passkey.name}) for passkey in second_factor.get_passkeys(user)
        ]
        return ", ".join(factors) or pgettext("second factor", "none")

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> SafeString:
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, _("Set a new password"))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # Accounts cannot deactivate themselves or change their own role.
        return (*self.readonly_fields, "is_active", "role") if obj == request.user else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return obj != request.user and bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = self.load_snapshot(obj)
        obj.is_staff = True
        obj.save()
        if not change:
            accounts.require_new_password(obj)
        role = form.cleaned_data.get("role")
        if role and role != before.plain.get("role"):
            accounts.assign_role(obj, Role(role))
        if not obj.is_active:
            accounts.end_sessions(obj)
        if form.cleaned_data.get("unlock"):
            lockout.unlock(obj.username, who=request.user.get_username())
        if form.cleaned_data.get("remove_second_factor") and obj != request.user:
            second_factor.reset(obj, who=request.user.get_username())
        self.record(request, obj, before)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Name the staff account: the message of Django names the model."""
        text = _("The staff account “%(name)s” was added successfully.") % {"name": obj.get_username()}
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:auth_user_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        text = _("The staff account “%(name)s” was changed successfully.") % {"name": obj.get_username()}
        self.message_user(request, text, messages.SUCCESS)
        if "_continue" in request.POST:
            return HttpResponseRedirect(request.path)
        return HttpResponseRedirect(reverse("admin:auth_user_changelist"))

    def load_snapshot(self, obj: Any) -> changes.Snapshot:
        row = User.objects.filter(pk=obj.pk).first()
        return accounts.snapshot(row) if row else changes.EMPTY_SNAPSHOT

    def record(self, request: HttpRequest, obj: Any, before: changes.Snapshot) -> None:
        event_type = UPDATED if before.plain else CREATED
        who = request.user.get_username()
        changes.record(event_type, who=who, row=obj, before=before, after=accounts.snapshot(obj))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        # One database transaction stores the password and the requirement to change it.
        with transaction.atomic():
            response: HttpResponse = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == 302:
                accounts.record_password_change(User.objects.get(pk=id), actor=cast(User, request.user))
        return response
