"""The page Users of the console: adds locks to the pages of enrolment."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.common.input_text import remove_nul
from apps.enrollment.console.admin import ProfileAdmin, user_url
from apps.enrollment.models import Profile
from apps.transactions import locks
from apps.transactions.console import user_sentences
from apps.transactions.locks import Locks


@admin.register(Profile)
class UserAdmin(ProfileAdmin):
    actions_list = (*ProfileAdmin.actions_list, "unlock_user")

    def get_user_context(self, request: HttpRequest, user_id: str) -> dict[str, Any]:
        context = super().get_user_context(request, user_id)
        user_locks = locks.for_user(user_id)
        return {**context, "locks": user_locks, "user_sentences": user_sentences.describe(user_id, user_locks)}

    def is_known_user(self, user_id: str) -> bool:
        return super().is_known_user(user_id) or user_sentences.is_known(user_id, locks.for_user(user_id))

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        """Hide the unlock button: the page of a user offers it next to the lock."""
        return [button for button in super().get_actions_list(request) if button.path != "unlock-user"]

    @action(  # type: ignore[untyped-decorator]
        description=_("Unlock user"), url_path="unlock-user", icon="lock_open", permissions=["support"]
    )
    def unlock_user(self, request: HttpRequest) -> HttpResponse:
        """Show a confirmation page on GET and remove all locks of the user on POST."""
        user_id = remove_nul(request.GET.get("user", ""))
        user_locks = locks.for_user(user_id)
        if request.method != "POST":
            return render_confirmation(self, request, unlock_confirmation(user_id, user_locks), None)
        if not user_locks.is_locked:
            messages.info(request, _("“%(user)s” is not locked. Nothing was changed.") % {"user": user_id})
            return HttpResponseRedirect(user_url(user_id))
        removed = locks.unlock(user_id, who=request.user.get_username())
        text = _("“%(user)s” is unlocked. Applications unlocked: %(applications)d. Wrong codes cleared: %(codes)d.")
        counts = {"applications": removed["applications_unlocked"], "codes": removed["code_failures_cleared"]}
        messages.success(request, text % {"user": user_id, **counts})
        return HttpResponseRedirect(user_url(user_id))


def unlock_confirmation(user_id: str, user_locks: Locks) -> Confirmation:
    names = {"user": user_id}
    if not user_locks.is_locked:
        heading = _("“%(user)s” is not locked") % names
        return Confirmation(
            title=_("Unlock user"), heading=heading, paragraphs=[], icon="lock_open", back_url=user_url(user_id)
        )
    return Confirmation(
        title=_("Unlock user"),
        heading=_("Unlock “%(user)s”?") % names,
        paragraphs=user_locks.descriptions,
        warning=_(
            "Before you unlock, verify the identity of the user and make sure that a reported fraud is resolved."
        ),
        icon="lock_open",
        back_url=user_url(user_id),
        button_label=_("Unlock user"),
    )
