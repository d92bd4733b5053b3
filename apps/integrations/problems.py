"""Problems of Keycloak integrations that the stored values show, for the console and check_configuration."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.applications.models import Api
from apps.common.console.admin import format_datetime
from apps.common.console.documents import Document, error, troubleshooting
from apps.common.console.problems import Problem
from apps.integrations.models import KeycloakIntegration
from apps.integrations.types import unsupported_reason
from apps.transactions.types import MobileAuthenticationType


def problems(integration: KeycloakIntegration) -> Iterator[Problem]:
    """Yield the problems of an integration, without a request to Keycloak."""
    url = reverse("admin:integrations_keycloakintegration_change", args=[integration.pk])
    documents = (troubleshooting("a-keycloak-integration-does-not-work"),)
    yield from _check_keys(integration, url, documents)
    yield from _check_client(integration, url, documents)
    yield from _check_type(integration, url, documents)
    yield from _check_acr_types(integration, url, documents)


def _check_keys(integration: KeycloakIntegration, url: str, documents: tuple[Document, ...]) -> Iterator[Problem]:
    if not integration.key_set_error:
        return
    title = _("The keys of the realm of “%(name)s” cannot be fetched") % {"name": integration}
    text = _(
        "Requests of Keycloak have been rejected since %(since)s (UTC). Reason: %(reason)s. Compare the realm URL with "
        "Keycloak, and check that this server can connect to it."
    ) % {"since": format_datetime(integration.key_set_failed_at), "reason": _(integration.key_set_error)}
    yield Problem(_("Keys not available"), title, text, url=url, documents=documents)


def _check_client(integration: KeycloakIntegration, url: str, documents: tuple[Document, ...]) -> Iterator[Problem]:
    if Api.MOBILE_AUTHENTICATION in integration.api_client.apis:
        return
    title = _("The API client of “%(name)s” cannot start authentications") % {"name": integration}
    text = _(
        "Requests of Keycloak are rejected (error unauthorized_client). Select the API “Mobile authentication” on the "
        "page of the API client “%(client)s”, or select another API client."
    ) % {"client": integration.api_client}
    yield Problem(_("No permission"), title, text, url=url, documents=(*documents, error("unauthorized_client")))


def _check_type(integration: KeycloakIntegration, url: str, documents: tuple[Document, ...]) -> Iterator[Problem]:
    if reason := unsupported_reason(integration.type):
        title = _("“%(name)s” uses a type that Keycloak cannot use") % {"name": integration}
        text = _("%(reason)s Select another type than “%(type)s”, or change it.")
        values = {"reason": reason, "type": integration.type}
        yield Problem(_("Unsupported type"), title, text % values, url=url, documents=documents)


def _check_acr_types(integration: KeycloakIntegration, url: str, documents: tuple[Document, ...]) -> Iterator[Problem]:
    if not integration.acr_types:
        return
    types = {row.name: row for row in MobileAuthenticationType.objects.filter(name__in=integration.acr_types)}
    unusable = sorted(name for name in integration.acr_types if name not in types or unsupported_reason(types[name]))
    if unusable:
        title = _("“%(name)s” allows types that Keycloak cannot use") % {"name": integration}
        text = _(
            "Requests with these types in acr_values are rejected: %(types)s. The types do not exist, are not push "
            "types, or need a code, a number or signing data. Remove them from the integration."
        ) % {"types": ", ".join(unusable)}
        yield Problem(_("Unsupported types"), title, text, is_failure=False, url=url, documents=documents)
