"""Checks of a push messaging configuration: its stored credential, and the connection to the provider."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.common.encryption import CannotDecrypt
from apps.common.findings import Finding, Level
from apps.outgoing import http
from apps.outgoing.proxy import Proxy
from apps.push import apple_credentials, service_accounts
from apps.push import services as push
from apps.push.destinations import Destination
from apps.push.models import EXPIRY_NOTICE, Kind, Platform, PushMessagingConfiguration
from apps.push.providers.base import CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS, PushOutcome, PushResult
from apps.push.providers.web_push import vapid
from apps.push.remedies import remedy, remedy_of
from apps.system import services as system

# Result of a check: level, text and remedy.
Check = tuple[Level, str, str]


def verify(configuration: PushMessagingConfiguration, destinations: Iterable[Destination]) -> Iterator[Finding]:
    """Check the stored credential, then send a probe to the provider for each app and environment.

    Probes reach no device. `destinations` are those of the versions that use the configuration. An unavailable provider
    takes up to 19 s for each destination.
    """
    subject = _("push messaging configuration “%(name)s”") % {"name": configuration.name}
    checks = list(_check_credential(configuration))
    yield from (Finding(level, subject, text, fix) for level, text, fix in checks)
    if any(level == Level.ERROR for level, _text, _fix in checks):
        return
    levels = []
    for finding in _probe_all(configuration, destinations, subject):
        levels.append(finding.level)
        yield finding
    if configuration.delivery_error and all(level == Level.OK for level in levels):
        yield _past_error(configuration, subject)


def _probe_all(
    configuration: PushMessagingConfiguration, destinations: Iterable[Destination], subject: str
) -> Iterator[Finding]:
    if configuration.kind == Kind.WEB_PUSH:
        yield from _connect_to_push_services(subject)
        return
    for destination in _unique_destinations(destinations) or [Destination(configuration)]:
        yield _probe(destination, f"{subject}, {destination.label}" if destination.bundle_identifier else subject)


def _connect_to_push_services(subject: str) -> Iterator[Finding]:
    """Connect to the hosts of WEB_PUSH_HOSTS. No message is sent: only a device has a URL at a push service.

    An unavailable push service is a warning, because devices may use the others only.
    """
    proxy = system.external_proxy()
    for host in settings.WEB_PUSH_HOSTS:
        if "*" in host:
            continue
        values = {"service": _name_with_proxy(host, system.external_proxy)}
        request = http.Request(
            "POST",
            f"https://{host}/",
            connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
            timeout_seconds=TIMEOUT_SECONDS,
            proxy=proxy,
            ca_file=settings.WEB_PUSH_CA_FILE,
        )
        try:
            http.check_connectivity(request)
        except http.NoResponse as error:
            text = _("%(service)s is not reachable (%(reason)s).") % {**values, "reason": error.reason}
            fix = remedy(PushResult(PushOutcome.RETRY, error.reason, error_kind=error.kind))
            yield Finding(Level.WARNING, subject, text, fix)
        else:
            yield Finding(Level.OK, subject, _("%(service)s is reachable.") % values, "")


def _check_credential(configuration: PushMessagingConfiguration) -> Iterator[Check]:
    """Check that the stored credential can be decrypted and is valid. Stops at the first error."""
    try:
        yield from CREDENTIAL_CHECKS[configuration.kind](configuration)
    except CannotDecrypt as error:
        yield (
            Level.ERROR,
            _("The credential cannot be decrypted: %(reason)s.") % {"reason": error},
            remedy_of(str(error)),
        )
    except ValidationError as error:
        fix = _("Enter the credential from Apple or Google again.")
        if configuration.kind == Kind.WEB_PUSH:
            fix = _("Create a new key pair. Devices must then subscribe again.")
        yield Level.ERROR, " ".join(error.messages), fix


def _check_signing_key(configuration: PushMessagingConfiguration) -> Iterator[Check]:
    apple_credentials.validate_signing_key(configuration.signing_key)
    values = {"key": configuration.key_id, "team": configuration.team_id}
    yield Level.OK, _("The signing key %(key)s of the team %(team)s is valid.") % values, ""


def _check_certificate(configuration: PushMessagingConfiguration) -> Iterator[Check]:
    _pem, expires_at = apple_credentials.validate_certificate(configuration.certificate)
    yield _check_expiry(expires_at)
    yield (
        Level.WARNING,
        _("APNs certificates are deprecated."),
        _(
            "Create a configuration with a signing key (.p8), which does not expire, for the versions that use this "
            "one."
        ),
    )


def _check_expiry(expires_at: datetime) -> Check:
    values = {"date": date_format(expires_at, "DATE_FORMAT")}
    fix = _(
        "Create a configuration with a signing key (.p8) for the versions that use this one, or import a new "
        "certificate."
    )
    if expires_at <= timezone.now():
        return Level.ERROR, _("The certificate expired on %(date)s. Pushes cannot be sent.") % values, fix
    if expires_at <= timezone.now() + EXPIRY_NOTICE:
        return Level.WARNING, _("The certificate expires on %(date)s.") % values, fix
    return Level.OK, _("The certificate is valid until %(date)s.") % values, ""


def _check_service_account(configuration: PushMessagingConfiguration) -> Iterator[Check]:
    project = service_accounts.parse(configuration.service_account)["project_id"]
    yield Level.OK, _("The service account of the project “%(project)s” is valid.") % {"project": project}, ""
    endpoint_project = _project_of_url(configuration.message_url)
    if endpoint_project and endpoint_project != project:
        yield (
            Level.ERROR,
            _("The service account belongs to the project “%(project)s”, but the endpoint to “%(other)s”.")
            % {"project": project, "other": endpoint_project},
            _("Enter the service account of the app's project, or correct the endpoint."),
        )


def _project_of_url(url: str) -> str:
    """Return the project in a URL of FCM HTTP v1; empty for other URLs."""
    parts = urlsplit(url).path.split("/")
    return parts[parts.index("projects") + 1] if "projects" in parts[:-1] else ""


def _check_server_key(configuration: PushMessagingConfiguration) -> Iterator[Check]:
    if not configuration.server_key:
        raise ValidationError(_("The server key is missing."))
    fix = _("Use the HTTP v1 API with a service account.")
    if configuration.uses_shut_down_api:
        yield Level.ERROR, _("Google shut down the legacy FCM API in 2024. Pushes cannot be sent."), fix
        return
    yield (
        Level.WARNING,
        _("The legacy FCM API is deprecated. Only gateways support it."),
        fix,
    )


def _check_key_pair(configuration: PushMessagingConfiguration) -> Iterator[Check]:
    if vapid.public_key(vapid.validate_private_key(configuration.vapid_private_key)) != configuration.vapid_public_key:
        raise ValidationError(_("The VAPID public key does not belong to the private key."))
    yield Level.OK, _("The VAPID key pair is valid."), ""


CREDENTIAL_CHECKS: dict[Kind, Callable[[PushMessagingConfiguration], Iterator[Check]]] = {
    Kind.APNS_TOKEN: _check_signing_key,
    Kind.APNS_CERTIFICATE: _check_certificate,
    Kind.FCM_HTTP_V1: _check_service_account,
    Kind.FCM_LEGACY: _check_server_key,
    Kind.WEB_PUSH: _check_key_pair,
}


def _unique_destinations(destinations: Iterable[Destination]) -> list[Destination]:
    """Return one destination for each app and environment. Versions of an app usually share both."""
    return list({destination.label: destination for destination in destinations}.values())


def _probe(destination: Destination, subject: str) -> Finding:
    result = push.probe(destination)
    if result.credential_refused:
        # The rejected access token was discarded. A second probe uses a new token.
        result = push.probe(destination)
    level, text = _classify_result(destination, result)
    values = {"service": _service_name(destination), "reason": result.reason or result.outcome.value}
    fix = "" if level == Level.OK else remedy(result)
    return Finding(level, subject, text % values, fix)


def _classify_result(destination: Destination, result: PushResult) -> tuple[Level, str]:
    if result.outcome == PushOutcome.ACCEPTED:
        return Level.OK, _("%(service)s is reachable and accepts pushes.")
    if result.reason == "MissingTopic" and not destination.bundle_identifier:
        # No version uses the configuration, so the probe has no topic. Apple checks the credential first.
        return Level.OK, _("%(service)s is reachable and accepts the credential. No version uses this configuration.")
    if result.outcome == PushOutcome.RETRY and result.status is None:
        return Level.ERROR, _("%(service)s is not reachable (%(reason)s).")
    if result.outcome == PushOutcome.RETRY and not result.credential_refused:
        return Level.WARNING, _(
            "%(service)s is busy or unavailable, so the configuration could not be checked (%(reason)s)."
        )
    return Level.ERROR, _("%(service)s rejects the configuration (%(reason)s).")


def _service_name(destination: Destination) -> str:
    """Return the name of the provider, with the proxy if one is used."""
    configuration = destination.configuration
    if configuration.platform == Platform.IOS:
        return _name_with_proxy("Apple", system.apns_proxy)
    return _name_with_proxy(str(urlsplit(configuration.message_url).hostname), system.external_proxy)


def _name_with_proxy(name: str, get_proxy: Callable[[], Proxy | None]) -> str:
    try:
        outgoing_proxy = get_proxy()
    except CannotDecrypt:
        return name
    return (
        _("%(name)s (through the proxy %(proxy)s)") % {"name": name, "proxy": outgoing_proxy.url}
        if outgoing_proxy
        else name
    )


def _past_error(configuration: PushMessagingConfiguration, subject: str) -> Finding:
    """Report a past delivery error although all checks passed: it can be fixed by now, or concern one app only."""
    values = {"reason": configuration.delivery_error, "destination": configuration.delivery_error_destination or "-"}
    rejected_at = configuration.delivery_error_at or configuration.updated_at
    values["date"] = f"{date_format(rejected_at, 'DATETIME_FORMAT')} UTC"
    text = _(
        "A push was rejected on %(date)s, and none was accepted since (%(reason)s; app and environment: "
        "%(destination)s)."
    )
    return Finding(Level.WARNING, subject, text % values, remedy_of(configuration.delivery_error))
