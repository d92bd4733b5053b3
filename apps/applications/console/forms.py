from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from apps.applications.models import Api, ApiClient, Application, ApplicationVersion
from apps.common.console.forms import LinesField
from apps.push.models import Kind


class ApiClientForm(forms.ModelForm):  # type: ignore[type-arg]
    apis = forms.MultipleChoiceField(
        label=_("APIs"),
        choices=Api.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_("APIs that this client may use."),
    )
    ip_allow_list = LinesField(
        label=_("IP allow list"), required=False, help_text=ApiClient._meta.get_field("ip_allow_list").help_text
    )

    class Meta:
        model = ApiClient
        fields = ("name", "client_id", "apis", "ip_allow_list")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "client_id" in self.fields:
            # A client ID can begin or end with a space.
            self.fields["client_id"].strip = False  # type: ignore[attr-defined]


# Conditions on other fields of the row under which console.js shows a field. A hidden field is not submitted.
VISIBILITY_CONDITIONS = {
    "apns_environment": f"platform=ios&push_messaging_configuration:kind={Kind.APNS_TOKEN}",
    "bundle_identifier": "platform=ios&push_messaging_configuration:platform=ios",
    "send_badge_number": "platform=ios&push_messaging_configuration:platform=ios",
    "mutable_content": "platform=ios&push_messaging_configuration:platform=ios",
    "notification_category": "platform=ios&push_messaging_configuration:platform=ios",
    "interruption_level": "platform=ios&push_messaging_configuration:platform=ios",
    "cordova": "platform=android&push_messaging_configuration:platform=android",
}


class ApplicationForm(forms.ModelForm):  # type: ignore[type-arg]
    custom_authenticators = LinesField(
        label=_("Custom authenticators"),
        required=False,
        help_text=Application._meta.get_field("custom_authenticators").help_text,
    )

    class Meta:
        model = Application
        fields = (
            "name",
            "identifier",
            "pin_enabled",
            "max_pin_attempts",
            "fingerprint_enabled",
            "custom_authenticators",
            "web_phone",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["max_pin_attempts"].required = False
        self.fields["max_pin_attempts"].widget.attrs["data-field-shown-when"] = "pin_enabled=on"

    def clean_max_pin_attempts(self) -> int:
        """Keep the stored value if the field is empty, as it is while the PIN is off."""
        attempts = self.cleaned_data["max_pin_attempts"]
        return int(self.instance.max_pin_attempts if attempts is None else attempts)


class VersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of a version. The model validates the settings of its platform and push messaging configuration.

    A field that is not submitted gets its default: it was hidden because it does not apply to this version.
    """

    class Meta:
        model = ApplicationVersion
        fields = ("platform", "version", "status", "push_messaging_configuration", *VISIBILITY_CONDITIONS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        configuration = self.fields["push_messaging_configuration"]
        for button in ("add", "change", "delete", "view"):
            setattr(configuration.widget, f"can_{button}_related", False)
        configuration.help_text = _(
            "Must be for the platform of the version; Web Push is for web and Android. Without a configuration, this "
            "version has no push."
        )
        for name, condition in VISIBILITY_CONDITIONS.items():
            self.fields[name].required = False
            self.fields[name].widget.attrs["data-field-shown-when"] = condition

    @cached_property
    def changed_data(self) -> list[str]:
        """Return the changed fields without hidden ones, so that an added empty row counts as empty."""
        return [name for name in super().changed_data if not self._is_hidden(name)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in VISIBILITY_CONDITIONS:
            if self._is_hidden(name) or cleaned.get(name) == "":
                cleaned[name] = ApplicationVersion._meta.get_field(name).get_default()  # type: ignore[union-attr]
                # Django does not change fields that are not submitted.
                setattr(self.instance, name, cleaned[name])
        return cleaned

    def _is_hidden(self, name: str) -> bool:
        return name in VISIBILITY_CONDITIONS and self.add_prefix(name) not in self.data


class ConfigurationSelect(UnfoldAdminSelectWidget):  # type: ignore[misc]
    """Select of push messaging configurations whose options have the data attributes for console.js."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        instance = getattr(option["value"], "instance", None)
        if instance:
            platforms = " ".join(instance.served_platforms)
            option["attrs"] |= {
                "data-platform": instance.platform,
                "data-kind": instance.kind,
                "data-platforms": platforms,
            }
        return option
