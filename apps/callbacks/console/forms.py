"""Form of a callback endpoint. Password and signing secrets can be entered but are never shown."""

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
        choices.append((ALL, _("Remove all: callbacks are no longer signed")))
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
    """Return the number of active secrets, or None if the stored secrets cannot be decrypted."""
    try:
        return len(endpoint.active_signing_secrets)
    except CannotDecrypt:
        return None


def signing_secrets_help(endpoint: CallbackEndpoint) -> "StrPromise":
    """Return the help text with the number of active secrets and the effect of a new one."""
    count = count_active_secrets(endpoint)
    if count is None:
        return _(
            "The stored secrets cannot be decrypted because their key is not in FIELD_ENCRYPTION_KEYS, so no callbacks "
            "are sent to this URL. A new secret replaces the stored ones."
        )
    if count == 0:
        return _(
            "No signing secret is stored: callbacks are not signed. Enter the portal's secret (“whsec_” and base64 of "
            "24 to 64 bytes), or save the endpoint and generate a secret with “New signing secret”."
        )
    if count == 1:
        return _(
            "One signing secret is active. It is never shown. A new secret is used in addition until you remove the "
            "old one."
        )
    return _(
        "Two signing secrets are active: every callback has a signature by each of them. Remove the older one when the "
        "portal uses the newer one. A new secret replaces the older one immediately."
    )
