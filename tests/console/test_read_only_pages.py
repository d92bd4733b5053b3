"""Rows of the server are read-only; changes of the configuration are recorded as events."""

import json
import re
from html import unescape

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.callbacks.models import CallbackEndpoint
from apps.enrollment.models import Profile, PushEnrollment
from apps.events.models import Event
from apps.transactions.models import PushAttempt, PushDelivery, SmsUsage, Transaction
from tests import factories
from tests.commands.command_runner import run


@pytest.fixture
def transaction(portal, mobile_type, device):
    started = portal.start(mobile_type, device, message="Sign in?", secure_message="From the Netherlands").json()
    delivery = PushDelivery.objects.get()
    attempt = {"delivery": delivery, "started_at": timezone.now(), "duration_ms": 12, "outcome": "retry"}
    PushAttempt.objects.create(**attempt, number=1, status=503, reason="UNAVAILABLE")
    challenge = device.fetch(started["transaction_id"])
    device.answer(challenge, approve=True)
    return Transaction.objects.get()


@pytest.fixture
def rows_exist(transaction):
    return {
        "/admin/transactions/transaction/": Transaction.objects.get().pk,
        "/admin/events/event/": Event.objects.latest("id").pk,
        "/admin/enrollment/profile/": Profile.objects.get().pk,
    }


def test_read_only_rows_are_shown(console, rows_exist):
    for path, pk in rows_exist.items():
        assert console.get(path).status_code == 200
        assert console.get(f"{path}{pk}/change/").status_code == 200


def test_read_only_rows_cannot_be_changed_by_url(console, rows_exist):
    before = [list(model.objects.values()) for model in (Transaction, Event, Profile)]
    for path, pk in rows_exist.items():
        for address, fields in (
            ("add/", {}),
            (f"{pk}/change/", {"user_id": "eve"}),
            (f"{pk}/delete/", {"post": "yes"}),
        ):
            assert console.post(path + address, fields).status_code == 403
            if address != f"{pk}/change/":
                assert console.get(path + address).status_code == 403
        assert console.get(f"{path}{pk}/history/").status_code == 404
        console.post(path, {"action": "delete_selected", "_selected_action": pk, "post": "yes"})
    assert [list(model.objects.values()) for model in (Transaction, Event, Profile)] == before


def test_device_only_content_is_not_shown(console, rows_exist, transaction):
    profile = Profile.objects.select_related("server_key", "device").get()
    hidden = ["From the Netherlands", transaction.token, PushEnrollment.objects.get().token, profile.device.token_hash]
    hidden += [max(key.splitlines(), key=len) for key in (profile.public_key, profile.server_key.secret_key)]
    for path, pk in rows_exist.items():
        for address in (path, f"{path}{pk}/change/"):
            page = console.get(address).content.decode()
            assert not [text for text in hidden if text in page]


def test_transaction_page_shows_timeline(console, transaction):
    page = console.get(f"/admin/transactions/transaction/{transaction.pk}/change/")
    assert [entry.title for entry in page.context["timeline"]] == [
        "Push started",
        "Push, attempt 1: retry",
        "Request fetched by the device",
        "User authenticated",
        "Push is due",
        "Callback is due",
    ]
    assert "HTTP 503" in page.content.decode()
    assert "UNAVAILABLE" in page.content.decode()


def test_profile_page_shows_device_and_push_state(console, rows_exist, device):
    page = console.get(f"/admin/enrollment/profile/{Profile.objects.get().pk}/change/").content.decode()
    assert device.device_id in page
    assert "Phone of anna" in page
    assert "User enrolled on a device" in page


def matches(console, query):
    return [event.event_type for event in console.get(f"/admin/events/event/?{query}").context["cl"].result_list]


def test_activity_is_sorted_and_filtered(console, transaction, enroll):
    enroll("bert")
    everything = matches(console, "")
    assert everything[0] == "PUSH_ENROLLMENT_SUCCESS"
    assert set(matches(console, "event_type=MOBILE_AUTH_AUTHENTICATED")) == {"MOBILE_AUTH_AUTHENTICATED"}
    assert "PUSH_AUTH_INITIALIZED" not in matches(console, "user_id=bert")
    assert matches(console, "user_id=ber") == []
    assert len(matches(console, f"transaction_id={transaction.pk}")) == 3
    assert matches(console, f"client_id={transaction.client.client_id}")
    assert matches(console, "occurred_from=2000-01-01T00:00") == everything
    assert matches(console, "occurred_to=2000-01-01T00:00") == []


@pytest.mark.parametrize(
    "query",
    ["transaction_id=nonsense", "occurred_from=yesterday", "user_id=%00", "occurred_to=2024-01-01T10:00%2B01:00"],
)
def test_invalid_filter_matches_nothing(console, transaction, query):
    assert matches(console, query) == []


@pytest.mark.parametrize(
    "value",
    ["9" * 30, "\0", "²", "0001-01-01", "9999-12-31T23:59:59"],
    ids=ascii,
)
def test_every_filter_accepts_any_value(console, transaction, value):
    SmsUsage.objects.create(client=transaction.client, day=timezone.now().date(), country="NL", sent=1)
    lists = [model._meta for model, page in admin.site._registry.items() if page.list_filter]
    assert len(lists) == 4
    for path in [f"/admin/{meta.app_label}/{meta.model_name}/" for meta in lists]:
        listed = console.get(path).context["cl"]
        assert listed.result_list
        for name in [name for spec in listed.filter_specs for name in spec.expected_parameters()]:
            page = console.get(path, {name: value})
            assert page.status_code == 200, (path, name)
            # Invalid values match nothing. Timestamps can be valid, and excluding an unknown type excludes nothing.
            is_timestamp = name.endswith(("_from", "_to")) and value[4:5] == "-"
            if not is_timestamp and not name.startswith("exclude"):
                assert not page.context["cl"].result_list, (path, name)


def test_unknown_filter_or_page_is_not_a_server_error(console, transaction):
    for query in ("nonsense=1", "p=99", "p=-1", "p=x", "p=100000", "event_type=NONSENSE", "o=1"):
        assert console.get(f"/admin/events/event/?{query}").status_code in (200, 302, 400), query


def test_transaction_is_found_by_user_client_status_or_id(console, transaction):
    def rows(query):
        return list(console.get(f"/admin/transactions/transaction/?{query}").context["cl"].result_list)

    for query in (f"q={transaction.pk}", "q=anna", "status=authenticated", f"client={transaction.client_id}"):
        assert rows(query) == [transaction], query
    for query in ("q=ann", "status=expired", f"q={Profile.objects.get().device.device_id}", "type_name=other"):
        assert rows(query) == [], query


@pytest.mark.parametrize(
    "path", ["/admin/events/event/", "/admin/transactions/transaction/", "/admin/enrollment/profile/"]
)
def test_log_is_paged_without_count_query(console, transaction, path):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        console.get(path)
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"]]


def test_log_links_next_page_only_if_it_exists(console, transaction):
    last = Event.objects.latest("id")
    missing = 50 - Event.objects.count()
    Event.objects.bulk_create(Event(event_type=last.event_type) for _ in range(missing))
    assert 'rel="next"' not in console.get("/admin/events/event/").content.decode()
    Event.objects.bulk_create([Event(event_type=last.event_type)])
    [next_page] = re.findall(r'href="([^"]+)" rel="next"', console.get("/admin/events/event/").content.decode())
    second = console.get(f"/admin/events/event/{next_page}")
    assert len(second.context["cl"].result_list) == 1
    assert 'rel="prev"' in second.content.decode()


def queries_for(console, path):
    with CaptureQueriesContext(connection) as queries:
        assert console.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/push/pushmessagingconfiguration/",
        "/admin/transactions/mobileauthenticationtype/",
        "/admin/callbacks/callbackendpoint/",
        "/admin/applications/application/",
        "/admin/applications/apiclient/",
        "/admin/enrollment/profile/",
        "/admin/transactions/transaction/",
        "/admin/events/event/",
    ],
)
def test_list_query_count_is_constant(console, transaction, enroll, portal, mobile_type, path):
    factories.CallbackEndpointFactory()
    before = queries_for(console, path)
    for user in ("bert", "chloe", "dirk"):
        device = enroll(user, version=factories.ApplicationVersionFactory())
        portal.start(factories.TypeFactory(), device, user_id=user)
        factories.CallbackEndpointFactory()
        factories.ApiClientFactory()
    assert queries_for(console, path) == before


def test_change_is_recorded_with_actor(console, changes):
    console.post(
        "/admin/callbacks/callbackendpoint/add/",
        {"url": "https://user:hidden@a.example/", "username": "us", "new_password": ""},
    )
    created = changes("ADMIN_CONFIGURATION_CREATED")
    assert created["model"] == "callbacks.CallbackEndpoint"
    assert created["object"] == "https://…@a.example/"
    assert created["changes"]["username"] == [None, "us"]

    pk = CallbackEndpoint.objects.get().pk
    console.save(f"/admin/callbacks/callbackendpoint/{pk}/change/", username="them")
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {"username": ["us", "them"]}

    console.post(f"/admin/callbacks/callbackendpoint/{pk}/delete/", {"post": "yes"})
    assert changes("ADMIN_CONFIGURATION_DELETED")["changes"]["username"] == ["them", None]
    assert "hidden" not in json.dumps(list(Event.objects.values("details")))


def test_saving_without_change_records_no_event(console):
    endpoint = factories.CallbackEndpointFactory()
    console.save(f"/admin/callbacks/callbackendpoint/{endpoint.pk}/change/")
    assert not Event.objects.exists()


def test_new_secret_event_does_not_contain_secret(console, changes):
    api_client = factories.ApiClientFactory()
    path = f"/admin/applications/apiclient/{api_client.pk}/new-secret/"
    console.post(path, {"state_token": console.get(path).context["state_token"]})
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert details["secrets_changed"] == ["secret_hashes"]
    assert details["changes"] == {}
    api_client.refresh_from_db()
    assert api_client.secret_hashes[0] not in json.dumps(details)


def test_setting_change_is_recorded(console, changes):
    console.save("/admin/system/features/", mobile_authentication=None)
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {"mobile_authentication": [True, False]}


def test_setting_history_links_to_activity(console, tmp_path):
    path = tmp_path / "configuration.yaml"
    path.write_text("general: {sms_sender_id: Shop}")
    assert run("import_configuration", str(path)).code == 0
    page = console.get("/admin/system/generalconfiguration/history/").content.decode()
    assert "No changes were made in the console. Changes by imports are listed under Activity only." in page
    [activity] = re.findall(r'href="([^"]+)">Show the changes in Activity', page)
    assert [event.event_type for event in console.get(unescape(activity)).context["cl"].result_list] == [
        "ADMIN_CONFIGURATION_IMPORTED"
    ]
    console.save("/admin/system/generalconfiguration/", sms_sender_id="")
    assert matches(console, unescape(activity).partition("?")[2])[0] == "ADMIN_CONFIGURATION_UPDATED"
