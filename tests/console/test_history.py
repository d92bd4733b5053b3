"""What the server wrote is shown and cannot be touched; what people change is an event."""

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
def shown(transaction):
    return {
        "/admin/transactions/transaction/": Transaction.objects.get().pk,
        "/admin/events/event/": Event.objects.latest("id").pk,
        "/admin/enrollment/profile/": Profile.objects.get().pk,
    }


def test_history_is_shown(console, shown):
    for path, pk in shown.items():
        assert console.get(path).status_code == 200
        assert console.get(f"{path}{pk}/change/").status_code == 200


def test_history_cannot_be_added_changed_or_deleted_by_address(console, shown):
    before = [list(model.objects.values()) for model in (Transaction, Event, Profile)]
    for path, pk in shown.items():
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


def test_no_page_shows_what_only_the_device_may_read(console, shown, transaction):
    profile = Profile.objects.select_related("server_key", "device").get()
    hidden = ["From the Netherlands", transaction.token, PushEnrollment.objects.get().token, profile.device.token_hash]
    hidden += [max(key.splitlines(), key=len) for key in (profile.public_key, profile.server_key.secret_key)]
    for path, pk in shown.items():
        for address in (path, f"{path}{pk}/change/"):
            page = console.get(address).content.decode()
            assert not [text for text in hidden if text in page]


def test_a_transaction_shows_its_timeline(console, transaction):
    page = console.get(f"/admin/transactions/transaction/{transaction.pk}/change/")
    assert [entry.title for entry in page.context["timeline"]] == [
        "PUSH AUTH INITIALIZED",
        "Push, attempt 1: retry",
        "MOBILE AUTH FETCH SECURED MESSAGE FETCHED",
        "MOBILE AUTH AUTHENTICATED",
        "Push is due",
        "Callback is due",
    ]
    assert "HTTP 503" in page.content.decode()
    assert "UNAVAILABLE" in page.content.decode()


def test_a_profile_shows_its_device_and_whether_it_can_be_pushed(console, shown, device):
    page = console.get(f"/admin/enrollment/profile/{Profile.objects.get().pk}/change/").content.decode()
    assert device.device_id in page
    assert "Phone of anna" in page
    assert "KEY ENROLLMENT SUCCESS" in page


def found(console, query):
    return [event.event_type for event in console.get(f"/admin/events/event/?{query}").context["cl"].result_list]


def test_activity_is_newest_first_and_filtered(console, transaction, enroll):
    enroll("bert")
    everything = found(console, "")
    assert everything[0] == "PUSH_ENROLLMENT_SUCCESS"
    assert set(found(console, "event_type=MOBILE_AUTH_AUTHENTICATED")) == {"MOBILE_AUTH_AUTHENTICATED"}
    assert "PUSH_AUTH_INITIALIZED" not in found(console, "user_id=bert")
    assert found(console, "user_id=ber") == []
    assert len(found(console, f"transaction_id={transaction.pk}")) == 3
    assert found(console, f"client_id={transaction.client.client_id}")
    assert found(console, "occurred_from=2000-01-01T00:00") == everything
    assert found(console, "occurred_to=2000-01-01T00:00") == []


@pytest.mark.parametrize(
    "query",
    ["transaction_id=nonsense", "occurred_from=yesterday", "user_id=%00", "occurred_to=2024-01-01T10:00%2B01:00"],
)
def test_a_filter_that_cannot_be_meant_matches_nothing(console, transaction, query):
    assert found(console, query) == []


@pytest.mark.parametrize(
    "value",
    ["9" * 30, "-" + "9" * 30, "-1", "1.5", "nonsense", "\0", "²", "0001-01-01", "9999-12-31T23:59:59"],
    ids=ascii,
)
def test_every_filter_of_every_list_takes_any_value(console, transaction, value):
    SmsUsage.objects.create(client=transaction.client, day=timezone.now().date(), country="NL", sent=1)
    lists = [model._meta for model, page in admin.site._registry.items() if page.list_filter]
    assert len(lists) == 4
    for path in [f"/admin/{meta.app_label}/{meta.model_name}/" for meta in lists]:
        listed = console.get(path).context["cl"]
        assert listed.result_list
        for name in [name for each in listed.filter_specs for name in each.expected_parameters()]:
            page = console.get(path, {name: value})
            assert page.status_code == 200, (path, name)
            # What cannot be meant matches nothing; a moment may be, and to leave out what never was leaves everything.
            is_told_by_moment = name.endswith(("_from", "_to")) and value[4:5] == "-"
            if not is_told_by_moment and not name.startswith("exclude"):
                assert not page.context["cl"].result_list, (path, name)


def test_an_unknown_filter_or_page_is_no_error_of_the_server(console, transaction):
    for query in ("nonsense=1", "p=99", "p=-1", "p=x", "p=100000", "event_type=NONSENSE", "o=1"):
        assert console.get(f"/admin/events/event/?{query}").status_code in (200, 302, 400), query


def test_a_transaction_is_found_by_user_client_status_or_id(console, transaction):
    def rows(query):
        return list(console.get(f"/admin/transactions/transaction/?{query}").context["cl"].result_list)

    for query in (f"q={transaction.pk}", "q=anna", "status=authenticated", f"client={transaction.client_id}"):
        assert rows(query) == [transaction], query
    for query in ("q=ann", "status=expired", f"q={Profile.objects.get().device.device_id}", "type_name=other"):
        assert rows(query) == [], query


@pytest.mark.parametrize(
    "path", ["/admin/events/event/", "/admin/transactions/transaction/", "/admin/enrollment/profile/"]
)
def test_a_log_is_paged_without_counting_it(console, transaction, path):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        console.get(path)
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"]]


def test_a_log_offers_another_page_only_when_there_is_one(console, transaction):
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
def test_a_list_asks_the_same_number_of_questions_for_more_rows(
    console, transaction, enroll, portal, mobile_type, path
):
    factories.CallbackEndpointFactory()
    before = queries_for(console, path)
    for user in ("bert", "chloe", "dirk"):
        device = enroll(user, version=factories.ApplicationVersionFactory())
        portal.start(factories.TypeFactory(), device, user_id=user)
        factories.CallbackEndpointFactory()
        factories.ApiClientFactory()
    assert queries_for(console, path) == before


def test_every_change_is_an_event_with_who_and_what(console, changes):
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


def test_saving_without_a_change_is_no_event(console):
    endpoint = factories.CallbackEndpointFactory()
    console.save(f"/admin/callbacks/callbackendpoint/{endpoint.pk}/change/")
    assert not Event.objects.exists()


def test_a_new_secret_is_an_event_that_does_not_contain_it(console, changes):
    api_client = factories.ApiClientFactory()
    path = f"/admin/applications/apiclient/{api_client.pk}/new-secret/"
    console.post(path, {"state_token": console.get(path).context["state_token"]})
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert details["secrets_changed"] == ["secret_hashes"]
    assert details["changes"] == {}
    api_client.refresh_from_db()
    assert api_client.secret_hashes[0] not in json.dumps(details)


def test_switches_are_events_too(console, changes):
    console.save("/admin/system/features/", mobile_authentication=None)
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {"mobile_authentication": [True, False]}


def test_the_history_of_a_setting_leads_to_every_change_of_the_configuration(console, tmp_path):
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
    assert found(console, unescape(activity).partition("?")[2])[0] == "ADMIN_CONFIGURATION_UPDATED"
