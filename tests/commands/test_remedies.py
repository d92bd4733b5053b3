"""Whatever a push service can say, there is a sentence about how to mend it."""

import pytest

from apps.push import services
from apps.push.models import Kind
from apps.push.providers.base import Outcome, Result
from apps.push.remedies import TABLE, remedy, remedy_of

KNOWN = sorted(
    {
        reason
        for provider in services.PROVIDERS.values()
        for reason, outcome in provider.outcomes.items()
        if outcome in (Outcome.MISCONFIGURED, Outcome.DEAD_TOKEN)
    }
    | {reason for provider in services.PROVIDERS.values() for reason in provider.stale_credential}
)
# libcurl's and Google's own words.
FAULTS = {
    "Could not resolve host: api.push.apple.com": "cannot be looked up",
    "Could not resolve proxy: proxy.example.com": "proxy",
    "CONNECT tunnel failed, response 403": "proxy does not let this through",
    "CONNECT tunnel failed, response 407": "user name and password of the proxy",
    "Failed to connect to fcm.googleapis.com:443 after 9 ms: Could not connect to server": "takes no connection",
    "Connection timed out after 3001 milliseconds": "no answer in time",
    "SSL connection timeout": "no answer in time",
    "SSL certificate problem: self-signed certificate in certificate chain": "PUSH_APNS_CA_FILE",
    "SSL: no alternative certificate subject name matches target host name 'localhost'": "PUSH_APNS_CA_FILE",
    "OpenSSL SSL_read: error:0A000415:SSL routines::ssl/tls alert certificate expired": "accept our certificate",
    "no access token: invalid_grant: Invalid JWT Signature.": "Make a new key in Google's console",
    "no access token: HTTP 503": "Try again later",
    "HTTP 502": "Try again later",
    "the proxy refuses the credentials, or wants some (HTTP 407)": "user name and password of the proxy",
    "no key in FIELD_ENCRYPTION_KEYS opens push_pushmessagingconfiguration.signing_key": "FIELD_ENCRYPTION_KEYS",
    "BadCertificateEnvironment": "Correct the configuration's APNs environment",
}


@pytest.mark.parametrize("reason", KNOWN)
def test_every_reason_of_a_provider_that_somebody_can_mend_has_its_own_remedy(reason):
    assert remedy_of(reason)


@pytest.mark.parametrize(("reason", "words"), FAULTS.items())
def test_faults_of_the_way_have_theirs(reason, words):
    assert words in remedy_of(reason)


def test_a_reason_that_nobody_has_met_yet_has_the_remedy_of_its_outcome():
    told = {outcome: remedy(Result(outcome, "Novelty")) for outcome in Outcome}
    assert told.pop(Outcome.ACCEPTED) == ""
    assert all(told.values())
    assert remedy_of("Novelty") == ""


def test_every_kind_has_a_provider_and_every_remedy_is_whole_sentences():
    assert set(services.PROVIDERS) == set(Kind)
    assert all(str(text)[0].isupper() and str(text).endswith(".") for _pattern, text in TABLE)
