"""Whatever a push service can say, there is a sentence about how to mend it."""

import pytest

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
# libcurl's and Google's own words.
FAULTS = {
    "Could not resolve host: api.push.apple.com": "cannot be looked up",
    "Could not resolve proxy: proxy.example.com": "cannot be looked up",
    "Failed to connect to proxy.example.com port 3128 after 2 ms: Could not connect to server": "takes no connection",
    "Failed to connect to proxy port 3128 after 3001 ms: Timeout was reached": "takes no connection",
    "Received HTTP code 503 from proxy after CONNECT": "proxy does not let this through",
    "Proxy CONNECT aborted due to timeout": "proxy does not let this through",
    "CONNECT tunnel failed, response 403": "proxy does not let this through",
    "CONNECT tunnel failed, response 407": "user name and password of the proxy",
    "Failed to connect to fcm.googleapis.com:443 after 9 ms: Could not connect to server": "takes no connection",
    "Connection timed out after 3001 milliseconds": "no answer in time",
    "SSL connection timeout": "no answer in time",
    "SSL certificate problem: self-signed certificate in certificate chain": "PUSH_APNS_CA_FILE",
    "SSL: no alternative certificate subject name matches target host name 'localhost'": "PUSH_APNS_CA_FILE",
    "OpenSSL SSL_read: error:0A000415:SSL routines::ssl/tls alert certificate expired": "accept our certificate",
    "OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required": "accept our certificate",
    "TLS connect error: error:0A000412:SSL routines::sslv3 alert bad certificate": "accept our certificate",
    "TLS connect error: error:0A000418:SSL routines::tlsv1 alert unknown ca": "accept our certificate",
    "TLS connect error: error:0A00042E:SSL routines::tlsv1 alert protocol version": "way to speak TLS",
    "TLS connect error: error:0A000410:SSL routines::sslv3 alert handshake failure": "way to speak TLS",
    "TLS connect error: error:0A00010B:SSL routines::wrong version number": "way to speak TLS",
    "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to api.push.apple.com:443": "Try again later",
    "no access token: invalid_grant: Invalid JWT Signature.": "Make a new key in Google's console",
    "no access token: HTTP 503": "Try again later",
    "no access token: HTTP 408": "Try again later",
    "no access token: server_error (HTTP 401)": "Try again later",
    "no access token: HTTP 200": "answered instead of the push service",
    "no access token: HTTP 403": "answered instead of the push service",
    "no access token: HTTP 404": "answered instead of the push service",
    "not an answer of the push service": "answered instead of the push service",
    "HTTP 502": "Try again later",
    "HTTP 302": "Correct the configuration's endpoint",
    "HTTP 400": "Correct the configuration's endpoint",
    "HTTP 403": "The credential is refused",
    "the proxy requires valid credentials (HTTP 407)": "user name and password of the proxy",
    "cannot decrypt push_pushmessagingconfiguration.signing_key: its key is not in FIELD_ENCRYPTION_KEYS": (
        "FIELD_ENCRYPTION_KEYS"
    ),
    "BadCertificateEnvironment": "Correct the configuration's APNs environment",
}


@pytest.mark.parametrize("reason", KNOWN)
def test_every_reason_of_a_provider_that_somebody_can_mend_has_its_own_remedy(reason):
    assert remedy_of(reason)


@pytest.mark.parametrize(("reason", "words"), FAULTS.items())
def test_faults_of_the_way_have_theirs(reason, words):
    assert words in remedy_of(reason)


def test_a_reason_that_nobody_has_met_yet_has_the_remedy_of_its_outcome():
    told = {outcome: remedy(PushResult(outcome, "Novelty")) for outcome in PushOutcome}
    assert told.pop(PushOutcome.ACCEPTED) == ""
    assert all(told.values())
    assert remedy_of("Novelty") == ""


def test_every_kind_has_a_provider_and_every_remedy_is_whole_sentences():
    assert set(services.PROVIDERS) == set(Kind)
    assert all(str(text)[0].isupper() and str(text).endswith(".") for _pattern, text in REASON_REMEDIES)
