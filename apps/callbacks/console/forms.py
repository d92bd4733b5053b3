"""The form of a callback endpoint: what is sent with every callback is only ever written, never shown."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from apps.callbacks import signatures
from apps.callbacks.models import CallbackEndpoint
from apps.common.console.forms import StoredPasswordForm
from apps.common.encryption import CannotDecrypt

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

KEEP, OLDER, ALL = "", "older", "all"


class CallbackEndpointForm(StoredPasswordForm):
    new_signing_secret = forms.CharField(
        label=_("Signing secret"),
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    remove_signing_secrets = forms.ChoiceField(
        label=_("Remove signing secrets"), required=False, widget=UnfoldAdminSelectWidget()
    )

    class Meta:
        model = CallbackEndpoint
        fields = ("url", "username")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: list[tuple[str, Any]] = [(KEEP, _("Remove none"))]
        if count_active_secrets(self.instance) == signatures.MAX_ACTIVE_SECRETS:
            choices.append((OLDER, _("Remove the older one")))
        choices.append((ALL, _("Remove all: callbacks are not signed any more")))
        removal, widget = self.fields["remove_signing_secrets"], UnfoldAdminSelectWidget(choices=choices)
        removal.widget, removal.choices = widget, choices  # type: ignore[attr-defined]
        self.fields["new_signing_secret"].help_text = signing_secrets_help(self.instance)

    def clean_new_signing_secret(self) -> str:
        secret: str = self.cleaned_data["new_signing_secret"]
        return signatures.validate_secret(secret) if secret else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        secret, removal = cleaned.get("new_signing_secret", ""), cleaned.get("remove_signing_secrets", KEEP)
        if secret and removal:
            text = _("Enter a new signing secret or remove stored ones, not both.")
            raise ValidationError({"remove_signing_secrets": text})
        if secret:
            self.instance.add_signing_secret(secret)
        elif removal == ALL:
            self.instance.signing_secrets = ""
        elif removal == OLDER:
            self.instance.signing_secrets = self.instance.active_signing_secrets[0]
        return cleaned


def count_active_secrets(endpoint: CallbackEndpoint) -> int | None:
    """Count the secrets that sign now; None when what is stored cannot be read."""
    try:
        return len(endpoint.active_signing_secrets)
    except CannotDecrypt:
        return None


def signing_secrets_help(endpoint: CallbackEndpoint) -> "StrPromise":
    """Say in words which secrets sign, and what a new one does."""
    count = count_active_secrets(endpoint)
    if count is None:
        return _(
            "What is stored cannot be read with this server's keys (FIELD_ENCRYPTION_KEYS), so no callback goes out "
            "to this address. A new secret takes its place."
        )
    if count == 0:
        return _(
            "None is stored: callbacks are not signed. Enter the portal's, “whsec_” and base64 of 24 to 64 bytes, or "
            "let “New signing secret” make one once the endpoint is saved."
        )
    if count == 1:
        return _(
            "One is live and signs every callback. It is not shown. A new one signs beside it until you remove the "
            "older one."
        )
    return _(
        "Two are live: every callback carries a signature by each, so that the portal may know either. Remove the "
        "older one when the portal knows the newer. A new one takes the older one's place at once."
    )
