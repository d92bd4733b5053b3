"""Events in the reader's language: names, actors, facts, the table of details and links."""

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.applications.models import Application
from apps.demo.device import DeviceApiError
from apps.enrollment.models import Profile
from apps.events.console.descriptions import LABELS
from apps.events.models import Event
from apps.events.names import DEVICE_EVENTS, NAMES, SERVER_EVENTS
from apps.events.services import COLUMNS
from apps.events.types import EVENT_TYPES
from apps.transactions.models import Transaction
from tests import factories
from tests.console.test_roles import sign_in_as

LIST = "/admin/events/event/"


def test_every_event_type_has_a_name_of_its_own():
    assert set(NAMES) == set(EVENT_TYPES)
    assert len({str(name) for name in NAMES.values()}) == len(EVENT_TYPES)
    assert not DEVICE_EVENTS & SERVER_EVENTS


def test_every_fact_has_a_label():
    facts = {name for event_type in EVENT_TYPES for name in event_type.facts.__annotations__}
    inherited = {name for event_type in EVENT_TYPES for name in event_type.facts.__optional_keys__}
    assert (facts | inherited) - COLUMNS <= set(LABELS)


@pytest.fixture
def wrong_pin(enroll, portal):
    """Transaction of anna with one wrong PIN of three."""
    Application.objects.update(pin_enabled=True)
    device, mobile_type = enroll("anna"), factories.TypeFactory(method="push_with_pin")
    device.register_pin("12345")
    challenge = device.fetch(portal.start(mobile_type, device).json()["transaction_id"])
    with pytest.raises(DeviceApiError):
        device.answer(challenge, approve=True, pin="11111")
    return Transaction.objects.get()


def row_texts(page):
    """Return the texts of the first row of a list, by column."""
    admin_page, event = page.context["cl"].model_admin, page.context["cl"].result_list[0]
    return {name: str(getattr(admin_page, name)(event)) for name in ("name", "what", "who", "user")}


def test_event_of_a_wrong_pin_shows_its_number_and_limit(console, wrong_pin):
    name = "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN"
    page = console.get(f"{LIST}?event_type={name}")
    texts = row_texts(page)
    assert (texts["what"], texts["who"]) == ("1 of 3", "Device")
    assert texts["name"] == f'Wrong PIN <code class="console-event-type" translate="no">{name}</code>'
    assert "1 of 3" in console.get(f"/admin/enrollment/profile/?q={wrong_pin.user_id}").content.decode()
    [entry] = [
        entry
        for entry in console.get(f"/admin/transactions/transaction/{wrong_pin.pk}/change/").context["timeline"]
        if entry.code == name
    ]
    assert (entry.title, entry.facts) == ("Wrong PIN", ("1 of 3",))


def test_names_are_in_the_language_of_the_reader(console, wrong_pin):
    console.cookies["django_language"] = "de"
    page = console.get(f"{LIST}?event_type=PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN").content.decode()
    assert "Falsche PIN" in page
    assert "1 von 3" in page


@pytest.mark.parametrize(
    ("event_type", "details", "expected"),
    [
        ("PUSH_AUTH_PUSH_SERVICE_FAILURE", {"attempt": 2, "reason": "UNAVAILABLE", "http_status": 503}, "Server"),
        ("MOBILE_AUTH_NOT_AUTHENTICATED", {"reason": "failed_to_send"}, "Server"),
        ("MOBILE_AUTH_NOT_AUTHENTICATED", {"reason": "not_accepted"}, "Device"),
        ("PUSH_AUTH_INITIALIZED", {"type": "login", "resolved_type": "sms"}, "shop"),
        ("MOBILE_AUTH_TRANSACTION_CANCELLED", {"who": "rosa"}, "rosa"),
    ],
)
def test_event_names_the_party_that_caused_it(console, event_type, details, expected):
    Event.objects.create(event_type=event_type, client_id="shop", details=details)
    assert row_texts(console.get(f"{LIST}?event_type={event_type}"))["who"] == expected


def test_device_is_shown_by_name_without_a_query_per_row(console, enroll):
    device = enroll("anna")
    facts = {"event_type": "DEVICE_UNENROLLED", "user_id": "anna", "details": {"device_id": device.device_id}}
    Event.objects.create(**facts)
    path = f"{LIST}?event_type=DEVICE_UNENROLLED"
    with CaptureQueriesContext(connection) as few:
        assert row_texts(console.get(path))["what"] == "Phone of anna"
    Event.objects.bulk_create(Event(**facts) for _ in range(20))
    with CaptureQueriesContext(connection) as many:
        console.get(path)
    assert len(many) == len(few)
    page = console.get(f"{LIST}{Event.objects.latest('id').pk}/change/").content.decode()
    assert f'<a href="/admin/enrollment/profile/{Profile.objects.get().pk}/change/" class="text-link">Phone' in page
    Profile.objects.all().delete()
    assert row_texts(console.get(path))["what"] == f"{device.device_id[:8]}…"


def test_details_are_a_table_with_labels(console, db):
    changes = {"pin_enabled": [False, True], "unknown": [None, {"a": 1}]}
    details = {"who": "rosa", "object": "Shop", "model": "applications.Application", "changes": changes}
    event = Event.objects.create(event_type="ADMIN_CONFIGURATION_UPDATED", details=details)
    page = console.get(f"{LIST}{event.pk}/change/").content.decode()
    assert '<th scope="row">Kind of item</th><td>Application</td>' in page
    assert "<div>PIN enabled: no → yes</div><div>Unknown: - → a: 1</div>" in page
    assert row_texts(console.get(f"{LIST}?event_type={event.event_type}"))["what"] == "Shop · PIN enabled, unknown"


@pytest.mark.parametrize(
    "details",
    [
        {"changes": 5, "model": 7, "device_id": ["x"], "next_attempt_at": "soon", "attempt": "x"},
        {"changes": {"a": 1}, "model": "none.None", "secrets_changed": ["b"], "lines": [["c"]]},
        {"http_status": "none", "reason": None, "authenticator": {"d": []}},
    ],
    ids=json.dumps,
)
def test_unexpected_details_are_shown_as_they_are(console, db, details):
    event = Event.objects.create(event_type="FORMER_TYPE", details=details)
    assert console.get(f"{LIST}?event_type=FORMER_TYPE").status_code == 200
    assert "FORMER TYPE" in console.get(f"{LIST}{event.pk}/change/").content.decode()


def test_links_need_the_permission_of_their_page(db):
    event = Event.objects.create(event_type="PUSH_AUTH_INITIALIZED", user_id="anna", client_id="shop")
    operator, auditor = sign_in_as("operator", "piet"), sign_in_as("helpdesk", "nora")
    Group.objects.get(name="helpdesk").permissions.set([Permission.objects.get(codename="view_event")])
    for path in (LIST, f"{LIST}{event.pk}/change/"):
        pages = [browser.get(path).content.decode() for browser in (operator, auditor)]
        links = ['href="/admin/enrollment/profile/?q=anna"' in page for page in pages]
        assert (links, ["anna" in page for page in pages]) == ([True, False], [True, True])
    assert ["/admin/applications/apiclient/?q=shop" in page for page in pages] == [True, False]
