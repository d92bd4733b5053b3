"""What a user is told about where a request came from: in the message that the phone opens, and in one event."""

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
# The specification's own example.
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/73.0.3683.103 "
    "Safari/537.36"
)
MESSAGE = "You are logging into the XYZ portal"
CONTEXT = "Device: Mac 10.14 Chrome 73.0, Location: NL, Provincie Utrecht, Utrecht"
FROM_UTRECHT = {"ip_address": UTRECHT, "user_agent": CHROME}


@pytest.fixture
def phone(enroll):
    return enroll()


@pytest.fixture
def start(portal, mobile_type, phone):
    """Start an authentication whose secure message has a context; returns its id."""

    def run(**fields):
        answer = portal.start(mobile_type, phone, **{"secure_message": MESSAGE, **FROM_UTRECHT, **fields})
        assert answer.status_code == 200, answer.json()
        return answer.json()["transaction_id"]

    return run


def checks(transaction_id):
    """Return the events about the location of a transaction, without what they have in common."""
    found = Event.objects.filter(transaction_id=transaction_id, event_type__startswith="GEOLOCATION_CHECK")
    return [event.event_type.removeprefix("GEOLOCATION_CHECK_") for event in found]


def work():
    """Do what the worker does with the look-ups that are due."""
    due = list(ContextLookup.objects.filter(state="due").values_list("pk", flat=True))
    return [row for part in context_delivery.deliver(claims.claim(ContextLookup, due)) for row in part]


def test_the_phone_shows_the_example_of_the_documentation(location_file, start, phone):
    transaction_id = start()
    assert checks(transaction_id) == ["SUCCESS"]
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert checks(transaction_id) == ["SUCCESS"]
    # What travels through the push provider stays what the portal said.
    assert CONTEXT not in Transaction.objects.get(pk=transaction_id).message


def test_without_a_secure_message_the_public_one_gets_the_context(location_file, start, phone):
    transaction_id = start(secure_message=None, message="Sign in?")
    assert phone.fetch(transaction_id)["message"] == f"Sign in? {CONTEXT}"
    assert phone.call("GET", "/device/v1/transactions")["transactions"][0]["message"] == "Sign in?"


def test_the_text_is_that_of_the_requests_language(location_file, start, phone):
    texts = {"nl": "[message] Vanaf [city], met [browser]"}
    ConfirmationTemplate.objects.create(texts=texts)
    shown = phone.fetch(start(language_code="nl-BE"))["message"]
    assert shown == f"{MESSAGE} Vanaf Utrecht (nl), met Chrome 73.0"
    assert phone.fetch(start(language_code="fr"))["message"] == f"{MESSAGE} {CONTEXT}"


@pytest.mark.parametrize(
    ("given", "shown", "check"),
    [
        ({"ip_address": None}, "Device: Mac 10.14 Chrome 73.0, Location: , , ", "SKIPPED_DATA_MISSING"),
        ({"user_agent": None}, "Device:  , Location: NL, Provincie Utrecht, Utrecht", "SUCCESS"),
        ({"ip_address": None, "user_agent": None}, "", "SKIPPED_DATA_MISSING"),
        ({"ip_address": "10.0.0.1"}, "", "FAILED"),
        ({"ip_address": "8.8.8.8"}, "", "FAILED"),
    ],
    ids=["no address", "no user agent", "neither", "private address", "unknown address"],
)
def test_what_is_missing_stays_empty_and_a_failure_leaves_the_message_alone(
    location_file, start, phone, given, shown, check
):
    transaction_id = start(**given)
    assert phone.fetch(transaction_id)["message"].strip() == f"{MESSAGE} {shown}".strip()
    assert checks(transaction_id) == [check]


def test_a_message_cannot_bring_placeholders_of_its_own(location_file, start, phone):
    assert phone.fetch(start(secure_message="From [city]?"))["message"] == f"From [city]? {CONTEXT}"


def test_nothing_is_told_and_nothing_noted_while_the_feature_is_off_or_has_no_source(
    location_file, start, phone, settings
):
    Features.objects.update_or_create(pk=1, defaults={"geolocation": False})
    off = start()
    Features.objects.update(geolocation=True)
    settings.GEOCONTEXT_DATABASE = ""
    for transaction_id in (off, start()):
        assert phone.fetch(transaction_id)["message"] == MESSAGE
        assert checks(transaction_id) == []


def test_who_scans_a_one_time_password_sees_where_it_was_shown(location_file, portal, phone):
    scan = factories.TypeFactory(method="otp", default_messages={})
    fields = {"type": scan.name, "callback_uri": "http://127.0.0.1:9/callback", **FROM_UTRECHT}
    started = portal.post("/oauth/api/v4/authenticate/user", fields).json()
    assert phone.claim_otp(started["otp"])["message"] == CONTEXT


def test_the_service_is_asked_by_the_worker_and_never_within_the_request(service, start, phone):
    transaction_id = start()
    assert service.received == []
    assert checks(transaction_id) == []
    assert len(work()) == 1
    assert checks(transaction_id) == ["SUCCESS"]
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert len(service.received) == 1
    lookup = ContextLookup.objects.get()
    assert (lookup.state, lookup.origin) == ("done", "")


def test_a_fetch_that_comes_first_asks_itself_and_the_worker_leaves_it_alone(service, start, phone):
    transaction_id = start()
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert work() == []
    assert len(service.received) == 1
    assert checks(transaction_id) == ["SUCCESS"]


def test_an_address_that_was_asked_for_within_a_day_is_known_at_once(service, start, phone):
    phone.fetch(start())
    transaction_id = start()
    assert checks(transaction_id) == ["SUCCESS"]
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    assert len(service.received) == 1


def test_when_the_worker_and_a_fetch_ask_at_once_there_is_one_event(service, start, phone):
    transaction_id = start()
    service.script[UTRECHT] = [{"delay": 30}]
    asking = threading.Thread(target=work)
    asking.start()
    service.wait(UTRECHT, 1, None, 10)
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"
    service.release()
    asking.join(10)
    assert checks(transaction_id) == ["SUCCESS"]
    assert phone.fetch(transaction_id)["message"] == f"{MESSAGE} {CONTEXT}"


def test_a_service_that_fails_leaves_the_message_alone_and_is_not_asked_again(service, start, phone):
    service.script[UTRECHT] = [{"status": 500, "repeat": True}]
    by_fetch, by_worker = start(), start()
    assert phone.fetch(by_fetch)["message"] == MESSAGE
    work()
    for transaction_id in (by_fetch, by_worker):
        assert phone.fetch(transaction_id)["message"] == MESSAGE
        [event] = Event.objects.filter(transaction_id=transaction_id, event_type="GEOLOCATION_CHECK_FAILED")
        assert event.details["reason"] == "The geolocation service answers HTTP 500."
    assert len(service.received) == 2


def test_nobody_is_asked_about_a_request_that_has_ended_and_its_address_is_forgotten(service, start):
    transaction = Transaction.objects.select_related("client").get(pk=start())
    lifecycle.cancel(transaction)
    assert len(work()) == 1
    assert service.received == []
    assert ContextLookup.objects.get().origin == ""


@pytest.fixture
def lock_away(settings):
    """Store a value of a row under a key that is lost afterwards."""

    def run(row, name):
        live, value = settings.FIELD_ENCRYPTION_KEYS, getattr(row, name)
        settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes!"]
        setattr(row, name, value)
        row.save(update_fields=[name])
        settings.FIELD_ENCRYPTION_KEYS = live

    return run


def test_a_request_whose_origin_no_key_opens_is_a_failed_check_and_its_message_comes_alone(
    service, start, phone, lock_away
):
    by_fetch, by_worker = start(), start(secure_message=None, message="Sign in?")
    for lookup in ContextLookup.objects.all():
        lock_away(lookup, "origin")
    assert phone.fetch(by_fetch)["message"] == MESSAGE
    assert len(work()) == 1
    assert work() == []
    for transaction_id, message in ((by_fetch, MESSAGE), (by_worker, "Sign in?")):
        assert phone.fetch(transaction_id)["message"] == message
        [event] = Event.objects.filter(transaction_id=transaction_id, event_type__startswith="GEOLOCATION_CHECK")
        assert event.event_type == "GEOLOCATION_CHECK_FAILED"
        assert "FIELD_ENCRYPTION_KEYS" in event.details["reason"]
        assert not Transaction.objects.get(pk=transaction_id).awaits_context
    assert service.received == []
    assert set(ContextLookup.objects.values_list("state", "origin")) == {("done", "")}


def test_a_message_that_no_key_opens_is_a_failed_check_and_spoils_no_other(service, start, phone, lock_away):
    locked, well = start(), start()
    lock_away(Transaction.objects.get(pk=locked), "secure_message")
    stored = Transaction.objects.get(pk=locked).__dict__["secure_message"]
    assert len(work()) == 2
    assert (checks(locked), checks(well)) == (["FAILED"], ["SUCCESS"])
    assert phone.fetch(well)["message"] == f"{MESSAGE} {CONTEXT}"
    # The key may come back.
    assert Transaction.objects.get(pk=locked).__dict__["secure_message"] == stored


def test_a_service_that_is_taken_away_meanwhile_leaves_the_message_alone(service, start, phone):
    transaction_id = start()
    Geolocation.objects.all().delete()
    assert phone.fetch(transaction_id)["message"] == MESSAGE
    assert checks(transaction_id) == ["FAILED"]


def test_values_of_the_service_cannot_disguise_themselves(service, start, phone):
    service.script[UTRECHT] = [
        json_response({"country_code": "NL", "region": "[city]\u202e", "city": "U\r\nT" + "x" * 2000})
    ]
    shown = phone.fetch(start())["message"]
    assert "[city], U" in shown
    assert "\u202e" not in shown
    assert "\n" not in shown
    assert shown.count("x") <= 1024
