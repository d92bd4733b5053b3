"""Every reason of a push provider has a remedy."""

import pytest

from apps.outgoing.errors import NetworkErrorKind
from apps.push import services
from apps.push.models import Kind
from apps.push.providers.base import PushOutcome, PushResult
from apps.push.remedies import REASON_REMEDIES, remedy, remedy_of

KNOWN = sorted(
    {
        reason
        for provider in services.PROVIDERS.values()
        for reason, outcome in provider.outcomes.items()
        if outcome in (PushOutcome.MISCONFIGURED, PushOutcome.DEAD_TOKEN)
    }
    | {reason for provider in services.PROVIDERS.values() for reason in provider.expired_credential_reasons}
)
FAULTS = {
    "no access token: invalid_grant: Invalid JWT Signature.": "Create a new key in Google's console",
    "no access token: HTTP 503": "Try again later",
    "no access token: HTTP 408": "Try again later",
    "no access token: server_error (HTTP 401)": "Try again later",
    "no access token: HTTP 200": "responded instead of the provider",
    "no access token: HTTP 403": "responded instead of the provider",
    "no access token: HTTP 404": "responded instead of the provider",
    "not a response of the provider": "responded instead of the provider",
    "HTTP 502": "Try again later",
    "HTTP 302": "Correct the configuration's endpoint",
    "HTTP 400": "Correct the configuration's endpoint",
    "HTTP 403": "The credential is rejected",
    "cannot decrypt push_pushmessagingconfiguration.signing_key: its key is not in FIELD_ENCRYPTION_KEYS": (
        "FIELD_ENCRYPTION_KEYS"
    ),
    "BadCertificateEnvironment": "Correct the configuration's APNs environment",
}


KINDS = {
    NetworkErrorKind.NAME_NOT_FOUND: "cannot be resolved",
    NetworkErrorKind.ADDRESS_NOT_PUBLIC: "is not public",
    NetworkErrorKind.CONNECTION_REFUSED: "does not accept connections",
    NetworkErrorKind.HOST_UNREACHABLE: "does not accept connections",
    NetworkErrorKind.TIMED_OUT: "no response in time",
    NetworkErrorKind.TLS_FAILED: "a common TLS version",
    NetworkErrorKind.TLS_UNTRUSTED: "PUSH_APNS_CA_FILE",
    NetworkErrorKind.TLS_EXPIRED: "PUSH_APNS_CA_FILE",
    NetworkErrorKind.TLS_WRONG_NAME: "PUSH_APNS_CA_FILE",
    NetworkErrorKind.TLS_CLIENT_CERTIFICATE: "accept the client certificate",
    NetworkErrorKind.CONNECTION_CLOSED: "Try again later",
    NetworkErrorKind.CONNECTION_RESET: "Try again later",
    NetworkErrorKind.NOT_HTTP: "responded instead of the provider",
    NetworkErrorKind.PROXY_UNREACHABLE: "does not accept connections",
    NetworkErrorKind.PROXY_CREDENTIALS: "user name and password of the proxy",
    NetworkErrorKind.PROXY_REJECTED: "proxy does not allow the connection",
    NetworkErrorKind.OTHER: "Try again later",
}


@pytest.mark.parametrize("kind", NetworkErrorKind)
def test_network_error_has_the_remedy_of_its_kind(kind):
    assert KINDS[kind] in remedy(PushResult(PushOutcome.RETRY, "Novelty", error_kind=kind))


@pytest.mark.parametrize("reason", KNOWN)
def test_every_fixable_reason_of_a_provider_has_a_remedy(reason):
    assert remedy_of(reason)


@pytest.mark.parametrize(("reason", "words"), FAULTS.items())
def test_connection_errors_have_remedies(reason, words):
    assert words in remedy_of(reason)


def test_unknown_reason_has_the_remedy_of_its_outcome():
    remedies = {outcome: remedy(PushResult(outcome, "Novelty")) for outcome in PushOutcome}
    assert remedies.pop(PushOutcome.ACCEPTED) == ""
    assert all(remedies.values())
    assert remedy_of("Novelty") == ""


def test_every_kind_has_a_provider_and_remedies_are_sentences():
    assert set(services.PROVIDERS) == set(Kind)
    assert all(str(text)[0].isupper() and str(text).endswith(".") for _pattern, text in REASON_REMEDIES)
