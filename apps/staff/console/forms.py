from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from apps.staff import accounts
from apps.staff.roles import Role


def role_field() -> forms.ChoiceField:
    # The default is the role with the fewest permissions.
    initial, widget = Role.HELPDESK, UnfoldAdminSelectWidget()
    return forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=initial, widget=widget)


class StaffCreationForm(UserCreationForm):  # type: ignore[misc]
    """Form of a new staff account. Its initial password must be changed at the first sign-in."""

    role = role_field()

    class Meta:
        model = User
        fields = ("username",)


class StaffForm(forms.ModelForm):  # type: ignore[type-arg]
    role = role_field()
    unlock = forms.BooleanField(
        label=_("Unlock"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_("Delete the wrong passwords, so that the account can sign in immediately."),
    )

    remove_second_factor = forms.BooleanField(
        label=_("Remove the second factor"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_(
            "For a lost second factor. Verify the person's identity first: the password alone then grants access."
        ),
    )

    class Meta:
        model = User
        fields = ("username", "is_active", "first_name", "last_name", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["role"] = accounts.get_role(self.instance)

    def clean_username(self) -> str:
        """Reject a name that differs from another account's name only in case, like the form of a new account."""
        name: str = self.cleaned_data["username"]
        others = User.objects.exclude(pk=self.instance.pk)
        if "username" in self.changed_data and others.filter(username__iexact=name).exists():
            raise self.instance.unique_error_message(User, ("username",))
        return name
