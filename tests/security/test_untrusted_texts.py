"""Texts of other servers are stored in events and attempts, and can contain any characters."""

import json

import pytest

from apps.events.models import Event
from apps.outbox import claims
from apps.transactions.methods.push import delivery as pushes
from apps.transactions.models import PushAttempt, PushDelivery
from tests import factories
from tests.fakes.fcm import Fcm

pytestmark = pytest.mark.django_db(transaction=True)
STATUS_WORDS = ["a\0b", "\ud800", "漢" * 500]
# The first one makes the response longer than MAX_RESPONSE_BYTES.
OTHER_VALUES = ["x" * 100_000, {"a": "b"}, ["\0"], None, 5, ""]


@pytest.fixture
def google():
    with Fcm() as fake:
        yield fake


@pytest.fixture
def version(google):
    description = google.describe()
    configuration = factories.PushMessagingConfigurationFactory(
        service_account=json.dumps(description["service_account"]), endpoint=description["endpoint"]
    )
    return factories.ApplicationVersionFactory(push_messaging_configuration=configuration)


def deliver_all():
    list(pushes.deliver(claims.claim(PushDelivery, list(PushDelivery.objects.values_list("pk", flat=True)))))


def outcomes(*expected):
    """Parametrize with all reasons and their expected outcomes: for status words and for other values."""
    return pytest.mark.parametrize(
        ("reason", "outcome"),
        [
            (reason, outcome)
            for reasons, outcome in zip((STATUS_WORDS, OTHER_VALUES), expected, strict=True)
            for reason in reasons
        ],
        ids=lambda value: ascii(value)[:20],
    )


@outcomes("refused", "misconfigured")
def test_any_reason_of_fcm_is_recorded(google, portal, mobile_type, enroll, reason, outcome):
    device = enroll(push_token="t")
    google.script = {"t": [{"status": 400, "body": json.dumps({"error": {"status": reason}})}]}
    started = portal.start(mobile_type, device).json()["transaction_id"]
    deliver_all()
    assert portal.result(started).json()["not_authenticated_reason"]["reason"] == "failed_to_send"
    assert PushAttempt.objects.get().outcome == outcome
    assert Event.objects.filter(event_type="PUSH_AUTH_PUSH_SERVICE_FAILURE").count() == 1


@outcomes("misconfigured", "retry")
def test_any_error_of_the_token_endpoint_is_recorded(google, portal, mobile_type, enroll, reason, outcome):
    device = enroll(push_token="t")
    body = {"error": reason, "error_description": reason}
    google.script = {"/token": [{"status": 400, "body": json.dumps(body)}]}
    portal.start(mobile_type, device)
    deliver_all()
    assert PushAttempt.objects.get().outcome == outcome
    assert Event.objects.filter(event_type="PUSH_AUTH_PUSH_SERVICE_FAILURE").count() == 1
