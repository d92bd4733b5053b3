"""Form of “Try an authentication”: the parameters of E3 that the chosen type needs."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.applications.models import Api, ApiClient
from apps.callbacks.models import CallbackEndpoint
from apps.enrollment import services as enrollment
from apps.enrollment.models import MAX_USER_ID_CHARACTERS, Profile
from apps.transactions.console.trial_parameters import MORE
from apps.transactions.types import PUSH_METHODS, Method, MobileAuthenticationType

PUSH = "|".join(sorted(PUSH_METHODS))
# Conditions on the chosen type under which console.js shows a field. A hidden field is not submitted.
VISIBILITY_CONDITIONS = {
    "user_id": f"type:method={PUSH}|{Method.SMS}",
    "device_id": f"type:method={PUSH}",
    "callback_uri": f"type:method={PUSH}|{Method.OTP}",
    "phone_number": "type:sms=yes",
    "signing_data": "type:signs=yes",
}


class TypeSelect(UnfoldAdminSelectWidget):  # type: ignore[misc]
    """Select of types whose options have the data attributes for console.js."""

    types: Mapping[str, MobileAuthenticationType] = {}

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        mobile_type = self.types.get(str(option["value"]))
        if mobile_type:
            sends_sms = any(step.method == Method.SMS for step in mobile_type.fallback_chain())
            option["attrs"] |= {
                "data-method": mobile_type.method,
                "data-sms": "yes" if sends_sms else "no",
                "data-signs": "yes" if mobile_type.transaction_signing else "no",
            }
        return option


class TrialForm(forms.Form):
    """Parameters of a start. E3 validates them; the form only chooses the device of a user who has one."""

    type = forms.ChoiceField(label=_("Type"), widget=TypeSelect())
    user_id = forms.CharField(
        label=_("User ID"),
        required=False,
        max_length=MAX_USER_ID_CHARACTERS,
        strip=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    device_id = forms.CharField(label=_("Device"), required=False, widget=UnfoldAdminSelectWidget())
    phone_number = forms.CharField(
        label=_("Phone number"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "tel", "inputmode": "tel"}),
        help_text=_(
            "In international format, for example +31 6 12345678. The message is charged like any other message."
        ),
    )
    callback_uri = forms.CharField(
        label=_("Callback URL"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "url"}),
        help_text=_("URL of a portal, which is called when the user has answered. The result is shown here, too."),
    )
    message = forms.CharField(
        label=_("Message"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Empty: the default message of the type."),
    )
    signing_data = forms.CharField(
        label=_("Signing data"), required=False, strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )
    secure_message = forms.CharField(
        label=_("Secure message"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Confidential text. Only the device can read it. Empty: the message."),
    )
    language_code = forms.CharField(
        label=_("Language"),
        required=False,
        max_length=35,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Language of the default message and of the confirmation template, for example nl-BE."),
    )
    ip_address = forms.CharField(
        label=_("IP address"),
        required=False,
        max_length=45,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("IP address of the user's browser. With it, the message names the location."),
    )
    user_agent = forms.CharField(
        label=_("User agent"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("User agent of the user's browser. With it, the message names browser and operating system."),
    )
    client = forms.ChoiceField(
        label=_("API client"),
        widget=UnfoldAdminSelectWidget(),
        help_text=_("The authentication is started in the name of this client, which can read the result."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["type"]
        choice.choices = [(name, f"{name} ({item.get_method_display()})") for name, item in self.types.items()]
        choice.widget.types = self.types
        client: Any = self.fields["client"]
        client.choices = [(key, str(row)) for key, row in self.clients.items()]
        device: Any = self.fields["device_id"].widget
        device.choices = [(profile.device.device_id, _device_label(profile)) for profile in self.devices]
        if len(self.devices) != 1:
            device.choices = [("", "-"), *device.choices]
        for name, condition in VISIBILITY_CONDITIONS.items():
            self.fields[name].widget.attrs["data-field-shown-when"] = condition

    @cached_property
    def types(self) -> dict[str, MobileAuthenticationType]:
        rows = {row.pk: row for row in MobileAuthenticationType.objects.all()}
        for row in rows.values():
            row.fallback = rows.get(row.fallback_id) if row.fallback_id else None
        return {row.name: row for row in rows.values()}

    @cached_property
    def clients(self) -> dict[str, ApiClient]:
        return {str(row.pk): row for row in ApiClient.objects.all() if Api.MOBILE_AUTHENTICATION in row.apis}

    @cached_property
    def devices(self) -> list[Profile]:
        """Return the profiles of the user that a push can reach."""
        user_id = self.data.get("user_id", "") if self.is_bound else self.initial.get("user_id", "")
        return list(enrollment.reachable_by_push(user_id)) if user_id and "\0" not in user_id else []

    def clean(self) -> dict[str, Any]:
        """Choose the only device of the user. A device of another user, whose id was replaced, is ignored."""
        cleaned = super().clean() or self.cleaned_data
        if self._method(cleaned) not in PUSH_METHODS:
            return cleaned
        ids = [profile.device.device_id for profile in self.devices]
        if len(ids) == 1:
            cleaned["device_id"] = ids[0]
        elif ids and cleaned.get("device_id") not in ids:
            raise ValidationError({"device_id": _("The user has several devices. Choose one.")})
        return cleaned

    @property
    def main_fields(self) -> list[BoundField]:
        return [field for field in self if field.name not in MORE]

    @property
    def more_fields(self) -> list[BoundField]:
        """Return the fields of the folded section."""
        return [field for field in self if field.name in MORE]

    @property
    def has_more(self) -> bool:
        """Return True if a field of the folded section has a value."""
        return any(field.value() for field in self.more_fields)

    @property
    def api_client(self) -> ApiClient:
        return self.clients[self.cleaned_data["client"]]

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters of E3. Those that the method does not have are omitted, as the page hides them."""
        names = ["type", "message", "signing_data", *MORE]
        method = self._method(self.cleaned_data)
        names += ["callback_uri"] if method == Method.OTP else ["user_id", "phone_number"]
        names += ["device_id", "callback_uri"] if method in PUSH_METHODS else []
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}

    def _method(self, cleaned: Mapping[str, Any]) -> str:
        mobile_type = self.types.get(cleaned.get("type", ""))
        return str(mobile_type.method) if mobile_type else ""


def initial(user_id: str) -> dict[str, str]:
    """Return the initial values: the given user or the one that enrolled last, and a configured callback URL."""
    profile = None if user_id else Profile.objects.order_by("-id").first()
    endpoint = CallbackEndpoint.objects.first()
    return {
        "user_id": profile.user_id if profile else user_id,
        "callback_uri": endpoint.url if endpoint else "",
    }


def _device_label(profile: Profile) -> str:
    return f"{profile.device.name} ({profile.device.version.application})"
