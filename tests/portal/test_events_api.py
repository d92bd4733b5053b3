"""The events API: audit events in pages, newest first, with filters."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from apps.events.models import Event
from tests import factories
from tests.api.calls import error_of
from tests.conftest import Portal

EVENTS = "/oauth/api/v1/events"
START = datetime(2026, 1, 1, tzinfo=UTC)
# Documented event types, which portals and monitoring filter by.
KNOWN_TYPES = [
    "KEY_ENROLLMENT_SUCCESS", "KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED",
    "KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE", "KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY",
    "KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED", "PUSH_ENROLLMENT_SUCCESS",
    "PUSH_ENROLLMENT_FAILURE_FEATURE_DISABLED", "PUSH_ENROLLMENT_FAILURE_EXISTING_PUSH_TOKEN",
    "PUSH_ENROLLMENT_FAILURE_USER_ALREADY_ENROLLED", "PUSH_ENROLLMENT_FAILURE_KEYS_NOT_EXCHANGED",
    "PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT", "MOBILE_AUTH_INIT_FAILURE_INVALID_REQ",
    "PUSH_AUTH_INITIALIZED", "PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT",
    "PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS", "PUSH_AUTH_INIT_FAILURE_MISSING_APP_ID",
    "PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID", "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE",
    "PUSH_AUTH_INIT_FAILURE_DISABLED", "PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG", "PUSH_AUTH_PUSH_SERVICE_FAILURE",
    "PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION", "PUSH_AUTH_RESEND_SUCCESS",
    "PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED", "MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED",
    "MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION", "MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED",
    "MOBILE_AUTH_AUTHENTICATED", "MOBILE_AUTH_NOT_AUTHENTICATED", "MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN",
    "PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED", "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL",
    "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE", "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN",
    "PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED", "PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED",
    "PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED", "PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED",
    "PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE",
    "PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE", "OTP_AUTH_INITIALIZED",
    "OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP", "PUSH_AUTH_CALLBACK_SENT", "PUSH_AUTH_CALLBACK_FAILED",
    "PUSH_AUTH_TRANSACTION_RETRIEVED", "PUSH_AUTH_TRANSACTION_NOT_RETRIEVED", "SMS_AUTH_INIT_MESSAGE_SENT",
    "SMS_AUTH_INIT_FAILURE_DISABLED", "SMS_AUTH_INIT_FAILURE_GATEWAY", "SMS_AUTH_INIT_FAILURE_INVALID_PHONE_NUMBER",
    "SMS_AUTH_AUTHENTICATED", "SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE",
    "SMS_AUTH_VALIDATION_LIMIT_EXCEEDED", "SMS_RESEND_SUCCEEDED", "SMS_RESEND_FAILED", "GEOLOCATION_CHECK_SUCCESS",
    "GEOLOCATION_CHECK_SKIPPED_DATA_MISSING", "GEOLOCATION_CHECK_FAILED", "ADMIN_CONFIGURATION_CREATED",
    "ADMIN_CONFIGURATION_UPDATED", "ADMIN_CONFIGURATION_DELETED", "ADMIN_PUSH_ENROLLMENT_REVOKED",
    "ADMIN_USER_CLIENT_KEYS_REVOKED", "API_DEVICES_LISTED", "API_DEVICE_REMOVED", "API_AUTHENTICATION_FAILED",
]  # fmt: skip


@pytest.fixture
def reader(client, db):
    """Return a client with permission for the events API only."""
    return Portal(client, factories.ApiClientFactory(apis=["events"], client_id="reader"))


@pytest.fixture
def read(reader):
    """Read a page of events. The pagination is returned only with `with_pagination`."""

    def run(query="", *, with_pagination=False):
        response = reader.get(EVENTS + query)
        assert response.status_code == 200, response.content
        body = response.json()
        return body if with_pagination else body["result_set"]

    return run


@pytest.fixture
def history(db):
    """Create eight events of two users, two clients and four transactions, at intervals of a second."""
    transactions = [uuid4() for _ in range(4)]
    types = ["PUSH_AUTH_INITIALIZED", "MOBILE_AUTH_AUTHENTICATED", "SMS_AUTH_INITIALIZED", "SMS_AUTH_AUTHENTICATED"]
    return [
        Event.objects.create(
            event_type=types[number % 4],
            user_id="anna" if number < 4 else "eva",
            client_id=f"portal-{number % 2}",
            app_name="Shop",
            transaction_id=transactions[number // 2],
            client_ip="192.0.2.1",
            user_agent="Portal/1.0",
            occurred=START + timedelta(seconds=number),
            details={"attempt": number},
        )
        for number in range(8)
    ]


def milliseconds(event):
    return round(event.occurred.timestamp() * 1000)


def identifiers(events):
    return [event["event_identifier"] for event in events]


def expected(events):
    return [str(event.event_identifier) for event in reversed(events)]


def test_event_has_all_members(read, history):
    event = read("?size=1")[0]
    last = history[-1]
    assert event == {
        "event_identifier": str(last.event_identifier),
        "event_name": "SMS AUTH AUTHENTICATED",
        "event_type": "SMS_AUTH_AUTHENTICATED",
        "client_id": "portal-1",
        "app_name": "Shop",
        "transaction_id": str(last.transaction_id),
        "user_id": "eva",
        "client_ip": "192.0.2.1",
        "user_agent": "Portal/1.0",
        "occurred": milliseconds(last),
        "details": {"attempt": 7},
    }
    assert str(UUID(event["event_identifier"])) == event["event_identifier"]


def test_events_are_listed_newest_first(read, history):
    assert identifiers(read()) == expected(history)


FILTERS = {
    "?user_id=anna": range(4),
    "?user_id=Anna": [],
    "?client_id=portal-1": [1, 3, 5, 7],
    "?event_type=PUSH_AUTH_INITIALIZED": [0, 4],
    "?event_type=PUSH_AUTH_INITIALIZED&event_type=SMS_AUTH_INITIALIZED": [0, 2, 4, 6],
    "?exclude_event_type=PUSH_AUTH_INITIALIZED": [1, 2, 3, 5, 6, 7],
    "?exclude_event_type=PUSH_AUTH_INITIALIZED&exclude_event_type=SMS_AUTH_INITIALIZED": [1, 3, 5, 7],
    "?event_type=PUSH_AUTH_INITIALIZED&exclude_event_type=PUSH_AUTH_INITIALIZED": [],
    "?user_id=eva&client_id=portal-0&event_type=SMS_AUTH_INITIALIZED": [6],
    "?user_id=unknown": [],
    "?user_id=&client_id=&event_type=&exclude_event_type=&transaction_id=&start_date=&end_date=&page=&size=": range(8),
    "?unknown=x": range(8),
}


@pytest.mark.parametrize(("query", "numbers"), FILTERS.items())
def test_filter_returns_matching_events(read, history, query, numbers):
    assert identifiers(read(query)) == expected([history[number] for number in numbers])


def test_events_are_filtered_by_transaction(read, history):
    expected_events = history[2:4]
    assert identifiers(read(f"?transaction_id={expected_events[0].transaction_id}")) == expected(expected_events)
    assert read(f"?transaction_id={uuid4()}") == []


def test_date_range_is_inclusive(read, history):
    start, end = milliseconds(history[2]), milliseconds(history[5])
    assert identifiers(read(f"?start_date={start}&end_date={end}")) == expected(history[2:6])
    assert identifiers(read(f"?start_date={start + 1}&end_date={end - 1}")) == expected(history[3:5])
    assert read(f"?start_date={end}&end_date={start}") == []


@pytest.mark.parametrize("microseconds", [0, 1, 499, 501, 999])
def test_event_is_found_by_its_reported_time(read, db, microseconds):
    Event.objects.create(event_type="X", occurred=START + timedelta(microseconds=microseconds))
    occurred = read()[0]["occurred"]
    assert len(read(f"?start_date={occurred}&end_date={occurred}")) == 1
    assert read(f"?start_date={occurred + 1}") == []
    assert read(f"?end_date={occurred - 1}") == []


def test_pages_have_no_gaps_or_duplicates(read, history):
    pages = [read(f"?size=3&page={page}", with_pagination=True) for page in range(4)]
    assert [len(page["result_set"]) for page in pages] == [3, 3, 2, 0]
    assert identifiers(event for page in pages for event in page["result_set"]) == expected(history)
    assert [page["pagination"] for page in pages] == [
        {"page": page, "size": 3, "total_elements": 8, "total_pages": 3} for page in range(4)
    ]


def test_pagination_counts_filtered_events(read, history):
    pagination = read("?user_id=anna&size=3", with_pagination=True)["pagination"]
    assert pagination == {"page": 0, "size": 3, "total_elements": 4, "total_pages": 2}


def test_page_has_20_events_by_default(read, db):
    Event.objects.bulk_create(Event(event_type="X") for _ in range(1001))
    assert len(read()) == 20
    assert len(read("?size=1000")) == 1000
    assert read("?size=1000&page=1", with_pagination=True)["pagination"]["total_pages"] == 2


def test_pagination_without_events_has_no_pages(read):
    pagination = {"page": 0, "size": 20, "total_elements": 0, "total_pages": 0}
    assert read(with_pagination=True) == {"result_set": [], "pagination": pagination}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("?page=-1", "page"),
        ("?page=x", "page"),
        ("?page=1.5", "page"),
        ("?page=99999999999999999999", "page"),
        ("?size=0", "size"),
        ("?size=1001", "size"),
        ("?size=-1", "size"),
        ("?size=many", "size"),
        ("?event_type=UNKNOWN", "event_type"),
        ("?event_type=push_auth_initialized", "event_type"),
        ("?event_type=PUSH_AUTH_INITIALIZED&event_type=UNKNOWN", "event_type"),
        ("?exclude_event_type=UNKNOWN", "exclude_event_type"),
        ("?transaction_id=x", "transaction_id"),
        ("?start_date=yesterday", "start_date"),
        ("?start_date=-1", "start_date"),
        ("?end_date=2026-01-01", "end_date"),
        ("?end_date=999999999999999999", "end_date"),
        ("?user_id=%00", "user_id"),
        ("?user_id=" + "u" * 256, "user_id"),
        ("?client_id=" + "c" * 101, "client_id"),
        ("?user_id=anna&user_id=eva", "user_id"),
        ("?page=0&page=1", "page"),
        ("?size=&size=", "size"),
    ],
)
def test_invalid_parameter_is_named(reader, history, query, name):
    response = reader.get(EVENTS + query)
    assert error_of(response) == (400, "invalid_request")
    assert response.json()["error_description"].startswith(f"{name}: ")


@pytest.mark.parametrize("query", ["?user_id=%ff", "?%ff=%fe", "?&&&", "?=", "?user_id=%E2%80%AE", "?user_id=%ED%A0"])
def test_any_query_text_is_accepted(read, history, query):
    read(query)


def test_client_without_the_events_api_is_rejected(client, db, history):
    assert error_of(client.get(EVENTS)) == (401, "invalid_client")
    other = Portal(client, factories.ApiClientFactory(apis=["mobile_authentication", "end_user"]))
    assert error_of(other.get(EVENTS)) == (400, "unauthorized_client")
    elsewhere = Portal(client, factories.ApiClientFactory(apis=["events"], ip_allow_list=["192.0.2.0/24"]))
    assert error_of(elsewhere.get(EVENTS)) == (403, "access_denied")


def test_credentials_are_verified_before_parameters(client, db):
    assert client.get(EVENTS + "?size=0").status_code == 401


def test_events_are_available_while_mobile_authentication_is_off(read, history, feature_off):
    assert len(read()) == 8


def test_reading_events_records_no_event(read, history):
    read()
    assert Event.objects.count() == 8


def test_failed_authentication_records_an_event(client, read):
    Portal(client, factories.ApiClientFactory(), "wrong").get(EVENTS)
    [event] = read()
    assert event["event_type"] == "API_AUTHENTICATION_FAILED"
    assert event["details"] == {"reason": "invalid_client", "count": 1, "last_occurred": event["occurred"]}


def test_events_contain_no_secrets(api, read, reader, mobile_type, device, otp_type, scan, sms_started, row, portal):
    otp = api.start_otp(otp_type).json()["otp"]
    pushed = api.start(mobile_type, device, secure_message="Pay 4711 euro", key="idempotency-key-4711").json()
    scan(device, otp)
    challenge = device.fetch(pushed["transaction_id"])
    device.answer(challenge, approve=True)
    sms = row(sms_started)
    code, number = sms.code, sms.phone_number
    api.verify(sms_started, "654321")
    api.verify(sms_started, code)
    response = reader.get(EVENTS + "?size=1000").content.decode()
    assert "SMS_AUTH_AUTHENTICATED" in response
    secrets = [
        otp,
        challenge["token"],
        f'"{code}"',
        "654321",
        number,
        "4711",
        device.device_token,
        "push-token-of-anna",
        factories.CLIENT_SECRET,
    ]
    assert not [secret for secret in secrets if secret in response]


@pytest.mark.parametrize("event_type", KNOWN_TYPES)
def test_documented_event_type_can_be_filtered(read, event_type):
    Event.objects.create(event_type=event_type)
    [event] = read(f"?event_type={event_type}")
    assert (event["event_type"], event["event_name"]) == (event_type, event_type.replace("_", " "))
