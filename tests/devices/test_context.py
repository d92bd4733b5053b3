"""Request context in the secure message and in events."""

import threading

import pytest

from apps.events.models import Event
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.outbox import claims
from apps.system.models import Features
from apps.transactions import lifecycle
from apps.transactions.context import delivery as context_delivery
from apps.transactions.models import ContextLookup, Transaction
from tests import factories
from tests.fakes.geolocation import json_response
from tests.geocontext.files import UTRECHT

pytestmark = pytest.mark.django_db(transaction=True)
# Example of the specification.
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/73.0.3683.103 "
    "Safari/537.36"
)
MESSAGE = "You are logging into the XYZ portal"
CONTEXT = "Device: Mac 10.14 Chrome 73.0, Location: NL, Provincie Utrecht, Utrecht"
FROM_UTRECHT = {"ip_address": UTRECHT, "user_agent": CHROME}


@pytest.fixture
def device(enroll):
    return enroll()


@pytest.fixture
def start(portal, mobile_type, device):
    """Initiate a transaction with a secure message and a request context, and return its id."""

    def run(**fields):
        response = portal.start(mobile_type, device, **{"secure_message": MESSAGE, **FROM_UTRECHT, **fields})
        assert response.status_code == 200, response.json()
        return response.json()["transaction_id"]

    return run


def check_events(transaction_id):
    """Return the types of a transaction's geolocation events, without their common prefix."""
    events = Event.objects.filter(transaction_id=transaction_id, event_type__startswith="GEOLOCATION_CHECK")
    return [event.event_type.removeprefix("GEOLOCATION_CHECK_") for event in events]


def process_lookups():
    """Process the due context lookups as the worker does."""
    due = list(ContextLookup.objects.filter(state="due").values_list("pk", flat=True))
    return [row for part in context_delivery.deliver(claims.claim(ContextLookup, due)) for row in part]


def test_secure_message_includes_the_request_context(location_file, start, device):
    transaction_id = start()
    assert check_events(transaction_id) == ["SUCCESS"]
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert check_events(transaction_id) == ["SUCCESS"]
    # The public message of the push is unchanged.
    assert CONTEXT not in Transaction.objects.get(pk=transaction_id).message


def test_context_is_added_to_the_message_without_a_secure_message(location_file, start, device):
    transaction_id = start(secure_message=None, message="Sign in?")
    assert device.fetch(transaction_id)["message"] == f"Sign in? {CONTEXT}"
    assert device.call("GET", "/device/v1/transactions")["transactions"][0]["message"] == "Sign in?"


def test_context_uses_the_language_of_the_request(location_file, start, device):
    texts = {"nl": "[message] Vanaf [city], met [browser]"}
    ConfirmationTemplate.objects.create(texts=texts)
    context = device.fetch(start(language_code="nl-BE"))["message"]
    assert context == f"{MESSAGE} Vanaf Utrecht (nl), met Chrome 73.0"
    assert device.fetch(start(language_code="fr"))["message"] == f"{MESSAGE} {CONTEXT}"


@pytest.mark.parametrize(
    ("parameters", "context", "event_type"),
    [
        ({"ip_address": None}, "Device: Mac 10.14 Chrome 73.0, Location: , , ", "SKIPPED_DATA_MISSING"),
        ({"user_agent": None}, "Device:  , Location: NL, Provincie Utrecht, Utrecht", "SUCCESS"),
        ({"ip_address": None, "user_agent": None}, "", "SKIPPED_DATA_MISSING"),
        ({"ip_address": "10.0.0.1"}, "", "FAILED"),
        ({"ip_address": "8.8.8.8"}, "", "FAILED"),
    ],
    ids=["no address", "no user agent", "neither", "private address", "unknown address"],
)
def test_missing_context_values_are_empty(location_file, start, device, parameters, context, event_type):
    transaction_id = start(**parameters)
    assert device.fetch(transaction_id)["message"].strip() == f"{MESSAGE} {context}".strip()
    assert check_events(transaction_id) == [event_type]


def test_placeholders_in_messages_are_not_replaced(location_file, start, device):
    assert device.fetch(start(secure_message="From [city]?"))["message"] == f"From [city]? {CONTEXT}"


def test_context_requires_the_feature_and_a_data_source(location_file, start, device, settings):
    Features.objects.update_or_create(pk=1, defaults={"geolocation": False})
    off = start()
    Features.objects.update(geolocation=True)
    settings.GEOCONTEXT_DATABASE = ""
    for transaction_id in (off, start()):
        assert device.fetch(transaction_id)["message"] == MESSAGE
        assert check_events(transaction_id) == []


def test_scanned_otp_includes_the_context(location_file, portal, device):
    scan = factories.TypeFactory(method="otp", default_messages={})
    fields = {"type": scan.name, "callback_uri": "http://127.0.0.1:9/callback", **FROM_UTRECHT}
    started = portal.post("/oauth/api/v4/authenticate/user", fields).json()
    assert device.claim_otp(started["otp"])["message"] == CONTEXT


def test_worker_calls_the_geolocation_service(service, start, device):
    transaction_id = start()
    assert service.received == []
    assert check_events(transaction_id) == []
    assert len(process_lookups()) == 1
    assert check_events(transaction_id) == ["SUCCESS"]
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert len(service.received) == 1
    lookup = ContextLookup.objects.get()
    assert (lookup.state, lookup.origin) == ("done", "")


def test_early_fetch_looks_up_the_context_once(service, start, device):
    transaction_id = start()
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert process_lookups() == []
    assert len(service.received) == 1
    assert check_events(transaction_id) == ["SUCCESS"]


def test_location_of_an_address_is_cached(service, start, device):
    device.fetch(start())
    transaction_id = start()
    assert check_events(transaction_id) == ["SUCCESS"]
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert len(service.received) == 1


def test_concurrent_lookups_record_one_event(service, start, device):
    transaction_id = start()
    service.script[UTRECHT] = [{"delay": 30}]
    worker = threading.Thread(target=process_lookups)
    worker.start()
    service.wait(UTRECHT, 1, None, 10)
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    service.release()
    worker.join(10)
    assert check_events(transaction_id) == ["SUCCESS"]
    assert device.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"


def test_failed_lookup_is_not_repeated(service, start, device):
    service.script[UTRECHT] = [{"status": 500, "repeat": True}]
    by_fetch, by_worker = start(), start()
    assert device.fetch(by_fetch)["message"] == MESSAGE
    process_lookups()
    for transaction_id in (by_fetch, by_worker):
        assert device.fetch(transaction_id)["message"] == MESSAGE
        [event] = Event.objects.filter(transaction_id=transaction_id, event_type="GEOLOCATION_CHECK_FAILED")
        assert event.details["reason"] == "The geolocation service returned HTTP 500."
    assert len(service.received) == 2


def test_ended_transactions_are_not_looked_up(service, start):
    transaction = Transaction.objects.select_related("client").get(pk=start())
    lifecycle.cancel(transaction)
    assert len(process_lookups()) == 1
    assert service.received == []
    assert ContextLookup.objects.get().origin == ""


@pytest.fixture
def make_undecryptable(settings):
    """Encrypt a value of a row with a key that is not configured."""

    def run(row, name):
        keys, value = settings.FIELD_ENCRYPTION_KEYS, getattr(row, name)
        settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes!"]
        setattr(row, name, value)
        row.save(update_fields=[name])
        settings.FIELD_ENCRYPTION_KEYS = keys

    return run


def test_undecryptable_origin_is_a_failed_check(service, start, device, make_undecryptable):
    by_fetch, by_worker = start(), start(secure_message=None, message="Sign in?")
    for lookup in ContextLookup.objects.all():
        make_undecryptable(lookup, "origin")
    assert device.fetch(by_fetch)["message"] == MESSAGE
    assert len(process_lookups()) == 1
    assert process_lookups() == []
    for transaction_id, message in ((by_fetch, MESSAGE), (by_worker, "Sign in?")):
        assert device.fetch(transaction_id)["message"] == message
        [event] = Event.objects.filter(transaction_id=transaction_id, event_type__startswith="GEOLOCATION_CHECK")
        assert event.event_type == "GEOLOCATION_CHECK_FAILED"
        assert "FIELD_ENCRYPTION_KEYS" in event.details["reason"]
        assert not Transaction.objects.get(pk=transaction_id).awaits_context
    assert service.received == []
    assert set(ContextLookup.objects.values_list("state", "origin")) == {("done", "")}


def test_undecryptable_message_is_a_failed_check(service, start, device, make_undecryptable):
    undecryptable, intact = start(), start()
    make_undecryptable(Transaction.objects.get(pk=undecryptable), "secure_message")
    stored = Transaction.objects.get(pk=undecryptable).__dict__["secure_message"]
    assert len(process_lookups()) == 2
    assert (check_events(undecryptable), check_events(intact)) == (["FAILED"], ["SUCCESS"])
    assert device.fetch(intact)["message"] == f"{MESSAGE} {CONTEXT}"
    # The stored value is kept, because the key can be restored.
    assert Transaction.objects.get(pk=undecryptable).__dict__["secure_message"] == stored


def test_removed_service_configuration_is_a_failed_check(service, start, device):
    transaction_id = start()
    Geolocation.objects.all().delete()
    assert device.fetch(transaction_id)["message"] == MESSAGE
    assert check_events(transaction_id) == ["FAILED"]


def test_service_values_are_sanitized(service, start, device):
    service.script[UTRECHT] = [
        json_response({"country_code": "NL", "region": "[city]\u202e", "city": "U\r\nT" + "x" * 2000})
    ]
    context = device.fetch(start())["message"]
    assert "[city], U" in context
    assert "\u202e" not in context
    assert "\n" not in context
    assert context.count("x") <= 1024
