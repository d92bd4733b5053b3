"""Fields of the CIBA settings on the page of an API client."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apps.applications.console.forms import ApiClientForm
from apps.applications.models import Api, ApiClient
from apps.ciba.models import AuthenticationMethod, CibaClient, DeliveryMode, default_methods
from apps.common.console.forms import LinesField
from apps.common.jose import public_keys
from apps.common.jose.public_keys import InvalidKeySet
from apps.transactions.types import PUSH_METHODS, MobileAuthenticationType

PREFIX = "ciba_"
FIELDS = (
    *("delivery_mode", "notification_endpoint", "authentication_methods", "jwks", "jwks_uri"),
    *("types", "default_type", "authorization_details_types"),
)
NOTIFIED_MODES = f"{DeliveryMode.PING}|{DeliveryMode.PUSH}"


def usable_types() -> Any:
    return MobileAuthenticationType.objects.filter(method__in=PUSH_METHODS, code_to_phone=False)


class KeySetField(forms.CharField):
    """JWK Set as JSON text. Empty: no keys."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, indent=2) if isinstance(value, dict) and value else value or ""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return {}
        try:
            public_keys.parse_text(text)
        except InvalidKeySet as error:
            raise ValidationError(str(error)) from None
        return json.loads(text)


def _text(name: str) -> dict[str, Any]:
    """Return label and help text of a field of the settings."""
    field: Any = CibaClient._meta.get_field(name)
    return {"label": capfirst(field.verbose_name), "help_text": field.help_text, "required": False}


def _url(name: str) -> forms.Field:
    return forms.CharField(max_length=2000, widget=UnfoldAdminTextInputWidget(), **_text(name))


class ClientForm(ApiClientForm):
    """Form of an API client with its settings for CIBA. They are validated and stored if the client has the API."""

    ciba_delivery_mode = forms.ChoiceField(
        label=_("Delivery mode"),
        required=False,
        initial=DeliveryMode.POLL,
        choices=DeliveryMode.choices,
        widget=UnfoldAdminSelectWidget(),
        help_text=_(
            "How the client gets the result. Poll: it asks. Ping: it is notified, and then asks. Push: it is sent the "
            "result."
        ),
    )
    ciba_notification_endpoint = _url("notification_endpoint")
    ciba_authentication_methods = forms.MultipleChoiceField(
        choices=AuthenticationMethod.choices,
        initial=default_methods,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        **_text("authentication_methods"),
    )
    ciba_jwks = KeySetField(**_text("jwks"))
    ciba_jwks_uri = _url("jwks_uri")
    ciba_types = forms.ModelMultipleChoiceField(
        MobileAuthenticationType.objects.none(), widget=UnfoldAdminCheckboxSelectMultipleWidget(), **_text("types")
    )
    ciba_default_type = forms.ModelChoiceField(
        MobileAuthenticationType.objects.none(),
        empty_label=_("None"),
        widget=UnfoldAdminSelectWidget(),
        **_text("default_type"),
    )
    ciba_authorization_details_types = LinesField(**_text("authorization_details_types"))

    class Meta(ApiClientForm.Meta):
        model = ApiClient

    # Row to store with the client, or None.
    settings_row: CibaClient | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = CibaClient.objects.filter(client=self.instance).first() if self.instance.pk else None
        self.stored = stored or CibaClient()
        for name in ("types", "default_type"):
            self.fields[PREFIX + name].queryset = usable_types()  # type: ignore[attr-defined]
        for name in FIELDS:
            condition = f"apis={Api.CIBA}"
            if name == "notification_endpoint":
                condition += f"&{PREFIX}delivery_mode={NOTIFIED_MODES}"
            self.fields[PREFIX + name].widget.attrs["data-field-shown-when"] = condition
            if stored:
                self.initial[PREFIX + name] = _initial(stored, name)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if Api.CIBA in cleaned.get("apis", []) and (self.stored.pk or self._has_changed_settings):
            self.settings_row = self._read_settings(cleaned)
        return cleaned

    def _read_settings(self, cleaned: dict[str, Any]) -> CibaClient:
        """Set the values on the row, and report what the model rejects."""
        row = self.stored
        names = [name for name in FIELDS if name != "types" and PREFIX + name in cleaned]
        for name in names:
            setattr(row, name, cleaned[PREFIX + name])
        row.delivery_mode = row.delivery_mode or DeliveryMode.POLL
        if row.delivery_mode == DeliveryMode.POLL:
            # The page hides the field.
            row.notification_endpoint = ""
        is_read = len(names) == len(FIELDS) - 1
        try:
            row.clean_fields(exclude=[name for name in ("client", *FIELDS) if name not in names])
            if is_read:
                row.clean()
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                self.add_error(PREFIX + name, texts)
        # A client that was created without types can be renamed.
        if is_read and self._has_changed_settings and not cleaned.get("ciba_types") and not row.default_type:
            self.add_error("ciba_types", _("Choose at least one type, or a default type."))
        return row

    @property
    def _has_changed_settings(self) -> bool:
        return any(name == "apis" or name.startswith(PREFIX) for name in self.changed_data)


def describe(row: CibaClient) -> list[tuple[Any, str]]:
    """Return labels and values of the settings that are set."""
    values = {name: getattr(row, name) for name in FIELDS if name not in ("types", "jwks")}
    values["delivery_mode"] = row.get_delivery_mode_display()
    texts = {name: ", ".join(value) if isinstance(value, list) else str(value or "") for name, value in values.items()}
    texts["jwks"] = json.dumps(row.jwks) if row.jwks else ""
    texts["types"] = ", ".join(map(str, row.types.all()))
    return [(_text(name)["label"], texts[name]) for name in FIELDS if texts[name]]


def _initial(row: CibaClient, name: str) -> Any:
    if name == "types":
        return list(row.types.all())
    return row.default_type_id if name == "default_type" else getattr(row, name)
