"""Search of users by the beginning of an id or a device name, and the sentences about a user."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.enrollment.console import search
from apps.enrollment.models import Device, Profile
from apps.events.models import Event
from apps.transactions.models import CodeFailures, Transaction
from tests import factories
from tests.console.test_roles import sign_in_as
from tests.query_plans import query_plan

LIST = "/admin/enrollment/profile/"


@pytest.fixture
def users(version):
    """Profiles of five users, each on a device of its own."""
    names = {
        "anna": "Pixel of Anna",
        "annabel": "Étage 50%",
        "Andreas": "iPhone",
        "bert": "Anno 1900",
        "émile": "pixel_2",
    }
    for number, (user_id, name) in enumerate(names.items()):
        device = Device.objects.create(token_hash=str(number), version=version, name=name)
        Profile.objects.create(device=device, user_id=user_id)


def search_page(browser, term):
    return browser.get(f"{LIST}?{urlencode({'q': term})}")


def found(browser, term):
    return [profile.user_id for profile in search_page(browser, term).context["cl"].result_list]


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("ann", ["anna", "annabel", "bert"]),
        ("ANN", ["anna", "annabel", "bert"]),
        ("an", ["Andreas", "anna", "annabel", "bert"]),
        ("andre", ["Andreas"]),
        ("pixel", ["anna", "émile"]),
        ("Pixel o", ["anna"]),
        ("pixel_", ["émile"]),
        ("%", []),
        ("_", []),
        ("ixel", []),
        ("ém", ["émile"]),
        ("\U0010ffff", []),
    ],
)
def test_search_finds_beginnings_of_user_ids_and_device_names(users, term, expected):
    assert found(sign_in_as("helpdesk"), term) == expected


def test_exact_user_id_has_precedence_and_links_similar_users(console, users):
    page = search_page(console, "anna")
    assert [profile.user_id for profile in page.context["cl"].result_list] == ["anna"]
    assert page.context["other_users"] == ["annabel"]
    assert '<a class="text-link" href="?q=annabel">annabel</a>' in page.content.decode()


def test_long_result_is_truncated_with_a_note(console, users, monkeypatch):
    monkeypatch.setattr(search, "MAX_MATCHES", 1)
    page = search_page(console, "an")
    assert [profile.user_id for profile in page.context["cl"].result_list] == ["Andreas", "bert"]
    assert "Only the first 500 users and devices are listed." in page.content.decode()
    assert "Only the first" not in search_page(console, "andre").content.decode()


def test_prefix_searches_use_their_indexes_without_sorting(console, users):
    with CaptureQueriesContext(connection) as queries:
        search_page(console, "an")
    statements = [query["sql"] for query in queries if "UPPER" in query["sql"] and "LIMIT" in query["sql"]]
    plans = [query_plan(sql) for sql in statements if "NOT" not in sql and " IN (" not in sql]
    for index in ("profile_user_prefix", "device_name_prefix"):
        [plan] = [plan for plan in plans if index in plan]
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan


def sentences(console, user_id):
    return search_page(console, user_id).context["user_sentences"]


def test_unknown_user_is_called_unknown(console, users):
    [sentence] = sentences(console, "nora")
    assert sentence.startswith("“nora” is unknown: the server has no device, transaction or event of this user.")
    assert "nora" in search_page(console, "nora").content.decode()


def test_user_with_devices_has_their_number(console, enroll):
    enroll("anna")
    assert sentences(console, "anna") == ["“anna” has 1 device."]
    enroll("anna", push_token="")
    assert sentences(console, "anna") == ["“anna” has 2 devices."]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("sms", "“anna” has no device. The latest authentication was by SMS, on 1 Nov 2026, 10:00:00 (UTC): Expired."),
        ("push", "“anna” has no device. The latest authentication was on 1 Nov 2026, 10:00:00 (UTC): Expired."),
    ],
)
def test_user_without_device_has_the_latest_authentication(console, portal, method, expected):
    started_at = timezone.datetime(2026, 11, 1, 10, tzinfo=timezone.get_default_timezone())
    times = {"created_at": started_at, "expires_at": started_at + timedelta(minutes=5)}
    Transaction.objects.create(client=portal.api_client, user_id="anna", method=method, status="expired", **times)
    assert sentences(console, "anna") == [expected]


def test_user_with_events_only_is_not_called_unknown(console, db):
    Event.objects.create(event_type="API_DEVICES_LISTED", user_id="anna")
    assert sentences(console, "anna") == ["“anna” has no device and no stored transaction, only events or wrong codes."]


def test_locked_user_is_called_locked(console, version):
    lock = "The user is locked. The reason and the end of the lock are described below."
    factories.FraudLockFactory(user_id="carl")
    CodeFailures.objects.create(user_id="dora", count=100, locked_at=timezone.now())
    for user_id in ("carl", "dora"):
        assert sentences(console, user_id)[1:] == [lock]
        assert "unknown" not in sentences(console, user_id)[0]
