"""Pages of callback deliveries, and sending failed callbacks again."""

import re
from datetime import timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.callbacks import delivery, failure_tracking, transport
from apps.callbacks.models import CallbackAttempt, CallbackDelivery, CallbackEndpoint
from apps.events.models import Event
from apps.outbox import claims
from tests.console.callback_pages import ENDPOINTS, LIST, message_text, page_path
from tests.query_plans import query_plan


@pytest.fixture
def store_delivery(db):
    """Store a callback with attempts of these reasons; an empty reason is a success."""

    def run(url="http://127.0.0.1:9/callback", *, state="failed", reasons=("HTTP 500",), hours=1):
        now = timezone.now()
        row = CallbackDelivery.objects.create(
            url=url,
            concurrency_key=url,
            state=state,
            transaction_id=uuid4(),
            user_id="anna",
            created_at=now - timedelta(hours=hours),
            due_at=now + timedelta(hours=1),
            ended_at=None if state == "due" else now,
            attempts_made=len(reasons),
        )
        CallbackAttempt.objects.bulk_create(
            CallbackAttempt(
                delivery=row,
                number=number,
                started_at=row.created_at + timedelta(seconds=number),
                duration_ms=10 + number,
                status=int(reason.removeprefix("HTTP ") or 204) if reason.startswith("HTTP") or not reason else None,
                outcome="failed" if reason else "delivered",
                reason=reason,
            )
            for number, reason in enumerate(reasons, start=1)
        )
        return row

    return run


def rows(console, query):
    return list(console.get(f"{LIST}?{query}").context["cl"].result_list)


def test_retried_callbacks_differ_from_given_up_ones(console, store_delivery):
    given_up = store_delivery(hours=3)
    retried = store_delivery(hours=2, state="due")
    in_flight, new = store_delivery(state="due"), store_delivery(state="due", reasons=(), hours=0)
    CallbackDelivery.objects.filter(pk=in_flight.pk).update(claim=uuid4())
    assert rows(console, "state=retrying") == [retried]
    assert rows(console, "state=undelivered") == [retried, given_up]
    assert rows(console, "state=due") == [new, in_flight, retried]
    admin_page = console.get(LIST).context["cl"].model_admin
    labels = [str(admin_page.label(row)[1]) for row in rows(console, "")]
    assert labels == ["due", "due", "still retrying", "given up"]


def test_deliveries_are_sorted_and_filtered(console, store_delivery):
    old = store_delivery(hours=3, state="done", reasons=("HTTP 500", ""))
    failed = store_delivery(hours=2, reasons=("HTTP 500", "<b>Connection refused</b>"))
    waiting = store_delivery(url="http://127.0.0.1:9/other", state="due")
    assert rows(console, "") == [waiting, failed, old]
    assert rows(console, "state=failed") == [failed]
    assert rows(console, "state=due") == [waiting]
    assert rows(console, "url=http://127.0.0.1:9/callback") == [failed, old]
    assert rows(console, "url=http://127.0.0.1:9/call") == []
    assert rows(console, f"transaction_id={old.transaction_id}") == [old]
    assert rows(console, "transaction_id=nonsense") == []
    since = (timezone.now() - timedelta(minutes=90)).strftime("%Y-%m-%dT%H:%M")
    assert rows(console, f"created_at_from={since}") == [waiting]

    page = console.get(LIST).content.decode()
    for text in ("due", "delivered", "given up", "&lt;b&gt;Connection refused&lt;/b&gt;"):
        assert text in page
    assert f"{waiting.due_at:%-d %b %Y, %H:%M:%S}" in page


def test_delivery_page_shows_attempts_and_next_try(console, store_delivery):
    row = store_delivery(state="due", reasons=("HTTP 401", "Connection timed out after 5001 milliseconds", "HTTP 404"))
    page = console.get(f"{LIST}{row.pk}/change/").content.decode()
    attempts = re.findall(r"Attempt (\d): failed", page)
    assert attempts == ["1", "2", "3"]
    for text in ("HTTP 401", "Connection timed out after 5001 milliseconds", "11 ms", "12 ms", "13 ms", row.webhook_id):
        assert text in page
    assert re.search(rf"{row.due_at:%-d %b %Y, %H:%M:%S}</time>\s*<span><strong>Next attempt", page)
    assert "no resource at this URL" in page
    assert f"/admin/transactions/transaction/{row.transaction_id}/change/" in page
    assert "send-again" not in page
    assert "<strong>Next attempt" not in console.get(f"{LIST}{store_delivery().pk}/change/").content.decode()


def test_url_credentials_are_not_shown(console, store_delivery, portal, mobile_type, device, endpoint):
    url = "https://portal:pass-word@127.0.0.1:9/callback?token=secret-value"
    row, other = store_delivery(url), store_delivery()
    assert rows(console, urlencode({"url": url})) == [row]
    assert rows(console, urlencode({"url": other.url})) == [other]
    started = portal.start(mobile_type, device, callback_uri=url).json()["transaction_id"]
    CallbackEndpoint.objects.filter(pk=endpoint.pk).update(url=url)
    for path in (
        LIST,
        f"{LIST}{row.pk}/change/",
        f"{LIST}{row.pk}/send-again/",
        page_path(endpoint, "send-test-callback"),
        page_path(endpoint, "new-signing-secret"),
        f"/admin/transactions/transaction/{started}/change/",
    ):
        page = console.get(path).content.decode()
        assert "@127.0.0.1:9/callback" in page, path
        assert "pass-word" not in page, path
        assert "secret-value" not in page, path
    # The URL parameter may contain credentials; the page must not show them.
    confirmation = console.get(f"{LIST}send-all-again/", {"url": url}).content.decode()
    assert "Only callbacks to https://…@127.0.0.1:9/callback?token=… are sent." in confirmation


@pytest.mark.parametrize(
    "reason",
    [
        "the host name was not resolved in time",
        "the host name cannot be resolved",
        "the host name resolves to an address that is not public",
    ],
)
def test_internal_reasons_are_translated(console, store_delivery, reason):
    row = store_delivery(reasons=(reason,))
    outcome = transport.CallbackResult(reason=reason)
    failure_tracking.record([(row.url, outcome)] * 3)
    for path in (LIST, f"{LIST}{row.pk}/change/", ENDPOINTS):
        assert reason in console.get(path).content.decode()
        assert reason not in console.get(path, headers={"accept-language": "nl"}).content.decode()


def test_callback_pages_link_to_each_other(console, endpoint, portal, mobile_type, device):
    page = console.get(ENDPOINTS).content.decode()
    for name, target in (("deliveries", LIST), ("failed-deliveries", f"{LIST}?state=undelivered")):
        assert f'href="{ENDPOINTS}{name}/"' in page
        assert console.get(f"{ENDPOINTS}{name}/")["Location"] == target
    page = console.get(page_path(endpoint, "deliveries"), follow=True)
    assert page.context["cl"].get_filters_params()["url"] == [endpoint.url]
    started = portal.start(mobile_type, device).json()["transaction_id"]
    transaction = console.get(f"/admin/transactions/transaction/{started}/change/").content.decode()
    assert f'href="{LIST}?transaction_id={started}"' in transaction


def deliver_all_due():
    """Deliver all due callbacks like the worker."""
    due = list(CallbackDelivery.due(timezone.now()).values_list("pk", flat=True))
    for _part in delivery.deliver(claims.claim(CallbackDelivery, due)):
        pass


@pytest.mark.django_db(transaction=True)
def test_failed_callback_is_sent_again_with_actor(console, store_delivery, fake_portal, changes):
    row, other = store_delivery(fake_portal.url + "/callback"), store_delivery(fake_portal.url + "/other")
    path = f"{LIST}{row.pk}/send-again/"
    assert f'href="{path}"' in console.get(path.replace("send-again", "change")).content.decode()
    assert f"Send this callback to {row.url} again?" in console.get(path).content.decode()
    deliver_all_due()
    assert fake_portal.received == []

    assert "1 callback is due again." in message_text(console.post(path))
    event = Event.objects.get(event_type="ADMIN_CALLBACKS_REDELIVERED")
    assert (event.transaction_id, changes(event.event_type)["count"]) == (row.transaction_id, 1)
    deliver_all_due()
    [request] = fake_portal.received
    assert request["headers"]["webhook-id"] == row.webhook_id
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state) == ("done", "failed")

    assert "No callback was sent again" in message_text(console.post(path))
    assert Event.objects.filter(event_type=event.event_type).count() == 1


@pytest.mark.django_db(transaction=True)
def test_failed_callbacks_are_sent_again_by_url(console, store_delivery, fake_portal, changes):
    store_delivery(state="done", reasons=("",))
    for url in ("/a", "/a", "/b"):
        store_delivery(fake_portal.url + url)
    path = f"{LIST}send-all-again/"
    assert f'href="{path}"' in console.get(LIST).content.decode()
    assert "Send 3 failed callbacks again?" in console.get(path).content.decode()
    shown = console.get(LIST, {"url": fake_portal.url + "/a"}).content.decode()
    [only] = re.findall(rf'href="({path}\?url=[^"]+)"', shown)
    only = console.get(only).content.decode()
    assert "Send 2 failed callbacks again?" in only
    assert f"Only callbacks to {fake_portal.url}/a are sent." in only

    assert "2 callbacks are due again." in message_text(console.post(f"{path}?url={fake_portal.url}/a"))
    assert changes("ADMIN_CALLBACKS_REDELIVERED") == {"who": "olga", "count": 2, "object": fake_portal.url + "/a"}
    assert "1 callback is due again." in message_text(console.post(path))
    deliver_all_due()
    assert sorted(request["path"] for request in fake_portal.received) == ["/a", "/a", "/b"]
    confirmation = console.get(path).content.decode()
    assert "No callback has permanently failed" in confirmation
    assert "No callback was sent again" in message_text(console.post(path))


def test_sending_again_requires_permission(console, administrator, store_delivery):
    row = store_delivery()
    for path in (f"{LIST}{row.pk}/send-again/", f"{LIST}send-all-again/"):
        for method in ("get", "head", "put", "delete"):
            getattr(console, method)(path)
        forged = Client(enforce_csrf_checks=True)
        forged.force_login(administrator)
        assert forged.post(path).status_code == 403
        assert Client().post(path)["Location"].startswith("/admin/login/")
    assert console.post(f"{LIST}{uuid4()}/send-again/").status_code == 404
    assert console.post(f"{LIST}abc/send-again/").status_code == 404
    for address in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert console.post(LIST + address, {"post": "yes", "state": "done"}).status_code == 403
    row.refresh_from_db()
    assert row.state == "failed"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=failed",
        "state=due",
        "url=http://a/",
        "transaction_id=00000000-0000-4000-8000-000000000000",
        "created_at_from=2020-01-01T00:00",
    ],
)
def test_list_does_not_read_whole_table(console, store_delivery, query):
    store_delivery()
    with CaptureQueriesContext(connection) as queries:
        console.get(f"{LIST}?{query}")
        console.get(f"{LIST}send-all-again/?{query}")
    statements = [query_log["sql"] for query_log in queries if 'FROM "callbacks_callbackdelivery"' in query_log["sql"]]
    assert len(statements) == 2
    for sql in statements:
        assert not re.search(r"Seq Scan on callbacks_|SCAN callbacks_\w+$", query_plan(sql), re.MULTILINE)
