"""Form of a Keycloak integration, which offers only types that Keycloak can use."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.integrations.models import KeycloakIntegration
from apps.integrations.types import unsupported_reason
from apps.transactions.types import MobileAuthenticationType


class KeycloakIntegrationForm(forms.ModelForm):  # type: ignore[type-arg]
    acr_types = forms.MultipleChoiceField(
        label=_("Types for acr_values"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=KeycloakIntegration._meta.get_field("acr_types").help_text,
    )

    class Meta:
        model = KeycloakIntegration
        fields = (
            *("name", "realm_url", "issuer", "api_client", "type", "acr_types"),
            *("user_id_rule", "user_id_prefix", "user_id_suffix"),
        )
        labels = {"user_id_rule": _("User ID")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = [row.name for row in MobileAuthenticationType.objects.all() if not unsupported_reason(row)]
        # A stored name whose type is gone can be removed.
        names = dict.fromkeys([*usable, *self.instance.acr_types])
        self.fields["acr_types"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "realm_url" in self.changed_data:
            # The stored error belongs to the previous realm.
            self.instance.key_set_error, self.instance.key_set_failed_at = "", None
        return cleaned
