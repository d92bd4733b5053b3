"""Trying a push messaging configuration: is its credential sound, and do Apple and Google take it?"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.common.encryption import CannotDecrypt
from apps.common.findings import Finding, Level
from apps.outgoing.http import Proxy
from apps.push import apple_credentials, service_accounts
from apps.push import services as push
from apps.push.models import EXPIRY_NOTICE, Kind, Platform, PushMessagingConfiguration
from apps.push.providers.base import Destination, Outcome, Result
from apps.push.remedies import remedy, remedy_of
from apps.system import services as system

# What a credential check yields: (level, text, remedy).
Judgement = tuple[Level, str, str]


def verify(configuration: PushMessagingConfiguration, destinations: Iterable[Destination]) -> Iterator[Finding]:
    """Judge what is stored, then ask the provider with messages that reach nobody, once for each app and environment.

    `destinations` are those of the versions that use it. Takes up to 19 s for each that does not answer.
    """
    about = _("push messaging configuration “%(name)s”") % {"name": configuration.name}
    judgements = list(_judge_credential(configuration))
    yield from (Finding(level, about, text, mended) for level, text, mended in judgements)
    if any(level == Level.ERROR for level, _text, _mended in judgements):
        return
    levels = []
    for destination in _distinct(destinations) or [Destination(configuration)]:
        finding = _ask(destination, f"{about}, {destination.label}" if destination.bundle_identifier else about)
        levels.append(finding.level)
        yield finding
    if configuration.fault and all(level == Level.OK for level in levels):
        yield _fault(configuration, about)


def _judge_credential(configuration: PushMessagingConfiguration) -> Iterator[Judgement]:
    """Say whether the stored credential can be read and is of the right kind; stops at what makes the rest moot."""
    try:
        yield from CREDENTIALS[configuration.kind](configuration)
    except CannotDecrypt as error:
        yield Level.ERROR, _("The credential cannot be read: %(reason)s.") % {"reason": error}, remedy_of(str(error))
    except ValidationError as error:
        yield Level.ERROR, " ".join(error.messages), _("Enter the credential again, as Apple or Google gave it.")


def _signing_key(configuration: PushMessagingConfiguration) -> Iterator[Judgement]:
    apple_credentials.check_signing_key(configuration.signing_key)
    facts = {"key": configuration.key_id, "team": configuration.team_id}
    yield Level.OK, _("The signing key %(key)s of the team %(team)s can be read.") % facts, ""


def _certificate(configuration: PushMessagingConfiguration) -> Iterator[Judgement]:
    _content, expires_at = apple_credentials.check_certificate(configuration.certificate)
    yield _judge_expiry(expires_at)
    yield (
        Level.WARNING,
        _("A certificate is the deprecated way to reach Apple."),
        _("Make a configuration with a signing key (.p8), which does not expire, for the versions that use this one."),
    )


def _judge_expiry(expires_at: datetime) -> Judgement:
    facts = {"date": date_format(expires_at, "Y-m-d")}
    mended = _(
        "Make a configuration with a signing key (.p8) for the versions that use this one, or import a new certificate."
    )
    if expires_at <= timezone.now():
        return Level.ERROR, _("The certificate expired on %(date)s: no push can be sent.") % facts, mended
    if expires_at <= timezone.now() + EXPIRY_NOTICE:
        return Level.WARNING, _("The certificate expires soon, on %(date)s.") % facts, mended
    return Level.OK, _("The certificate can be read and is valid until %(date)s.") % facts, ""


def _service_account(configuration: PushMessagingConfiguration) -> Iterator[Judgement]:
    project = service_accounts.parse(configuration.service_account)["project_id"]
    yield Level.OK, _("The service account of the project “%(project)s” can be read.") % {"project": project}, ""
    posted_to = _project_in(configuration.message_url)
    if posted_to and posted_to != project:
        yield (
            Level.ERROR,
            _("The service account belongs to the project “%(project)s”, but messages go to “%(other)s”.")
            % {"project": project, "other": posted_to},
            _("Enter the service account of the project that the app belongs to, or correct the endpoint."),
        )


def _project_in(url: str) -> str:
    """Return the project that an address of HTTP v1 names; empty when it is another kind of address."""
    parts = urlsplit(url).path.split("/")
    return parts[parts.index("projects") + 1] if "projects" in parts[:-1] else ""


def _server_key(configuration: PushMessagingConfiguration) -> Iterator[Judgement]:
    if not configuration.server_key:
        raise ValidationError(_("There is no server key."))
    mended = _("Use the HTTP v1 API with a service account.")
    if configuration.is_sent_to_what_was_shut_down:
        yield Level.ERROR, _("Google shut the legacy FCM API down in 2024: no push can be sent."), mended
        return
    yield (
        Level.WARNING,
        _("The legacy FCM API is deprecated, and only gateways still speak it."),
        mended,
    )


CREDENTIALS: dict[Kind, Callable[[PushMessagingConfiguration], Iterator[Judgement]]] = {
    Kind.APNS_TOKEN: _signing_key,
    Kind.APNS_CERTIFICATE: _certificate,
    Kind.FCM_HTTP_V1: _service_account,
    Kind.FCM_LEGACY: _server_key,
}


def _distinct(destinations: Iterable[Destination]) -> list[Destination]:
    """Return one destination for each app and environment: the versions of one app mostly share both."""
    return list({destination.label: destination for destination in destinations}.values())


def _ask(destination: Destination, about: str) -> Finding:
    result = push.probe(destination)
    if result.credential_refused:
        # A kept token was refused, and is forgotten now: a new one shows whether the credential is good.
        result = push.probe(destination)
    level, text = _judge_answer(destination, result)
    facts = {"service": _service(destination), "reason": result.reason or result.outcome.value}
    mended = "" if level == Level.OK else remedy(result)
    return Finding(level, about, text % facts, mended)


def _judge_answer(destination: Destination, result: Result) -> tuple[Level, str]:
    if result.outcome == Outcome.ACCEPTED:
        return Level.OK, _("%(service)s can be reached and takes pushes.")
    if result.reason == "MissingTopic" and not destination.bundle_identifier:
        # No version uses it, so there is no app to ask for: Apple looks at the credential first.
        return Level.OK, _("%(service)s can be reached and takes the credential. No version uses it.")
    if result.outcome == Outcome.RETRY and result.status is None:
        return Level.ERROR, _("%(service)s cannot be asked (%(reason)s).")
    if result.outcome == Outcome.RETRY and not result.credential_refused:
        return Level.WARNING, _("%(service)s is busy or out of order, so nothing could be tried (%(reason)s).")
    return Level.ERROR, _("%(service)s refuses this (%(reason)s).")


def _service(destination: Destination) -> str:
    """Name who is asked, and through which proxy."""
    configuration = destination.configuration
    if configuration.platform == Platform.IOS:
        return _through("Apple", system.apns_proxy)
    return _through(str(urlsplit(configuration.message_url).hostname), system.external_proxy)


def _through(name: str, proxy: Callable[[], Proxy | None]) -> str:
    try:
        found = proxy()
    except CannotDecrypt:
        return name
    return _("%(name)s (through the proxy %(proxy)s)") % {"name": name, "proxy": found.url} if found else name


def _fault(configuration: PushMessagingConfiguration, about: str) -> Finding:
    """Tell of a push that was refused when nothing is found to be wrong now: it may be mended, or about one app."""
    facts = {"reason": configuration.fault, "destination": configuration.fault_destination or "-"}
    facts["date"] = date_format(configuration.fault_at or configuration.updated_at, "Y-m-d H:i e")
    text = _(
        "A push was refused on %(date)s, and none was taken since (%(reason)s; app and environment: %(destination)s)."
    )
    return Finding(Level.WARNING, about, text % facts, remedy_of(configuration.fault))
