"""Current and upcoming problems of push messaging configurations, for the console."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.console.admin import format_datetime
from apps.common.console.documents import troubleshooting
from apps.common.console.problems import Problem
from apps.push import remedies
from apps.push.models import EXPIRY_NOTICE, Kind, PushMessagingConfiguration

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

CERTIFICATES_DEPRECATED = _(
    "APNs certificates are deprecated: they expire every year, and no new ones can be added. Create a configuration "
    "with a signing key (.p8), select it in the versions that use this one, and delete this one."
)
EXPIRED_CERTIFICATE_HELP = _(
    "Pushes cannot be sent with an expired certificate. Select a configuration with a signing key (.p8), which does "
    "not expire, in the versions that use this one."
)
LEGACY_API_SHUT_DOWN = _(
    "Google shut down its legacy API in 2024. Only gateways that support it accept such pushes, at the URL under "
    "Endpoint. For Google itself, use HTTP v1."
)

USE_SIGNING_KEYS = _("APNs certificates are deprecated and expire every year. Use a signing key (.p8) instead.")

UNKNOWN_REASON = _("Compare this configuration with Apple's or Google's console, or upload a new credential.")


def problems_of(configuration: PushMessagingConfiguration, now: datetime | None = None) -> list[Problem]:
    """Return the problems of a configuration, without decryption and without a request to the provider."""
    return [
        *_check_delivery_error(configuration),
        *_check_expiry(configuration, now or timezone.now()),
        *_check_legacy_api(configuration),
    ]


def deprecations_of(configuration: PushMessagingConfiguration) -> "Iterator[tuple[str, StrPromise]]":
    """Yield the deprecated fields of a configuration with the reasons."""
    if configuration.kind == Kind.APNS_CERTIFICATE:
        yield "certificate", USE_SIGNING_KEYS
    elif configuration.kind == Kind.FCM_LEGACY:
        yield "fcm_api_version", LEGACY_API_SHUT_DOWN


def _check_delivery_error(configuration: PushMessagingConfiguration) -> Iterator[Problem]:
    if not configuration.delivery_error:
        return
    reason, destination = configuration.delivery_error, configuration.delivery_error_destination
    values = {
        "reason": f"{reason} ({destination})" if destination else reason,
        "since": format_datetime(configuration.delivery_error_at),
        "remedy": remedies.remedy_of(reason) or UNKNOWN_REASON,
    }
    text = _("The provider has rejected pushes since %(since)s (UTC): %(reason)s. %(remedy)s") % values
    title = _("Pushes with “%(name)s” are rejected") % {"name": configuration}
    short = _("Rejected since %(since)s: %(reason)s")
    yield Problem(short % values, title, text, documents=(troubleshooting("pushes-are-rejected"),))


def _check_expiry(configuration: PushMessagingConfiguration, now: datetime) -> Iterator[Problem]:
    expires_at = configuration.certificate_expires_at
    if expires_at is None or expires_at > now + EXPIRY_NOTICE:
        return
    values = {"name": configuration, "date": format_datetime(expires_at)}
    if expires_at <= now:
        short, title = _("Certificate expired"), _("The certificate of “%(name)s” expired on %(date)s (UTC)")
    else:
        short, title = _("Certificate expires soon"), _("The certificate of “%(name)s” expires on %(date)s (UTC)")
    documents = (troubleshooting("a-certificate-expires"),)
    yield Problem(short, title % values, EXPIRED_CERTIFICATE_HELP, is_failure=expires_at <= now, documents=documents)


def _check_legacy_api(configuration: PushMessagingConfiguration) -> Iterator[Problem]:
    if configuration.uses_shut_down_api:
        title = _("“%(name)s” sends to Google's legacy API, which was shut down") % {"name": configuration}
        documents = (troubleshooting("googles-legacy-api-was-shut-down"),)
        yield Problem(_("Legacy API was shut down"), title, LEGACY_API_SHUT_DOWN, documents=documents)
