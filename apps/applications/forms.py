from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from apps.applications.models import Api, ApiClient, ApplicationVersion
from apps.common.forms import LinesField


class ApiClientForm(forms.ModelForm):  # type: ignore[type-arg]
    apis = forms.MultipleChoiceField(
        label=_("APIs"),
        choices=Api.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_("What this client may call."),
    )
    ip_allow_list = LinesField(
        label=_("IP allow list"), required=False, help_text=ApiClient._meta.get_field("ip_allow_list").help_text
    )

    class Meta:
        model = ApiClient
        fields = ("name", "client_id", "apis", "ip_allow_list")


class VersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A version; that its push messaging configuration is for its platform is checked by the model."""

    class Meta:
        model = ApplicationVersion
        fields = ("platform", "version", "status", "push_messaging_configuration", "cordova")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        configuration = self.fields["push_messaging_configuration"]
        for button in ("add", "change", "delete", "view"):
            setattr(configuration.widget, f"can_{button}_related", False)
        configuration.help_text = _("One of the version's platform. Without one, phones of this version get no push.")


class ConfigurationSelect(UnfoldAdminSelectWidget):  # type: ignore[misc]
    """Push messaging configurations, each option with its platform, so that console.js can offer those that fit."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        instance = getattr(option["value"], "instance", None)
        if instance:
            option["attrs"]["data-platform"] = instance.platform
        return option
