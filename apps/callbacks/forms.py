from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from apps.callbacks.models import CallbackEndpoint


class CallbackEndpointForm(forms.ModelForm):  # type: ignore[type-arg]
    """The password is only ever written: an empty field keeps the stored one."""

    new_password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=255,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    remove_password = forms.BooleanField(
        label=_("Remove the password"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = CallbackEndpoint
        fields = ("url", "username")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password"].help_text = (
            _("A password is stored. Leave this empty to keep it.")
            if self.has_password
            else _("No password is stored.")
        )

    @property
    def has_password(self) -> bool:
        # What is stored tells enough: nothing is decrypted to show a page.
        return bool(self.instance.__dict__.get("password"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("remove_password") and cleaned.get("new_password"):
            raise ValidationError({"remove_password": _("Enter a new password or remove the stored one, not both.")})
        if cleaned.get("new_password") or cleaned.get("remove_password"):
            # Set now, so that the model's own rules judge it together with the rest.
            self.instance.password = cleaned.get("new_password", "")
        return cleaned
