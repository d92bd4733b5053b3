"""What another server says about itself goes into events and attempts: it may hold anything."""

import json

import pytest

from apps.events.models import Event
from apps.outbox import claims
from apps.transactions.methods.push import delivery as pushes
from apps.transactions.models import PushAttempt, PushDelivery
from tests import factories
from tests.fakes.fcm import Fcm

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ["a\0b", "\ud800", "漢" * 500]
# The first makes an answer that is longer than one is read.
NO_WORDS = ["x" * 100_000, {"a": "b"}, ["\0"], None, 5, ""]


@pytest.fixture
def google():
    with Fcm() as stand_in:
        yield stand_in


@pytest.fixture
def version(google):
    told = google.describe()
    configuration = factories.PushMessagingConfigurationFactory(
        service_account=json.dumps(told["service_account"]), endpoint=told["endpoint"]
    )
    return factories.ApplicationVersionFactory(push_messaging_configuration=configuration)


def deliver_all():
    list(pushes.deliver(claims.claim(PushDelivery, list(PushDelivery.objects.values_list("pk", flat=True)))))


def outcomes(*known):
    """Parametrise with every reason and the outcome for words and for what is no word."""
    return pytest.mark.parametrize(
        ("reason", "outcome"),
        [(reason, outcome) for reasons, outcome in zip((WORDS, NO_WORDS), known, strict=True) for reason in reasons],
        ids=lambda value: ascii(value)[:20],
    )


@outcomes("refused", "misconfigured")
def test_any_reason_of_fcm_is_written_down(google, portal, mobile_type, enroll, reason, outcome):
    device = enroll(push_token="t")
    google.script = {"t": [{"status": 400, "body": json.dumps({"error": {"status": reason}})}]}
    started = portal.start(mobile_type, device).json()["transaction_id"]
    deliver_all()
    assert portal.result(started).json()["not_authenticated_reason"]["reason"] == "failed_to_send"
    assert PushAttempt.objects.get().outcome == outcome
    assert Event.objects.filter(event_type="PUSH_AUTH_PUSH_SERVICE_FAILURE").count() == 1


@outcomes("misconfigured", "retry")
def test_any_refusal_of_the_token_server_is_written_down(google, portal, mobile_type, enroll, reason, outcome):
    device = enroll(push_token="t")
    body = {"error": reason, "error_description": reason}
    google.script = {"/token": [{"status": 400, "body": json.dumps(body)}]}
    portal.start(mobile_type, device)
    deliver_all()
    assert PushAttempt.objects.get().outcome == outcome
    assert Event.objects.filter(event_type="PUSH_AUTH_PUSH_SERVICE_FAILURE").count() == 1
