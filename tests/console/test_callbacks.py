"""Callbacks in the console: signing secrets, the test callback, deliveries, and addresses that keep failing."""

import base64
import json
import re
import socket
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from apps.callbacks import calls, delivery, remedies
from apps.callbacks.models import CallbackAttempt, CallbackDelivery, CallbackEndpoint, FailingAddress
from apps.common import outbox
from apps.events.models import Event
from tests import factories
from tests.console.conftest import errors
from tests.fakes.portal import Portal
from tests.flows.programs import free_port

ENDPOINTS = "/admin/callbacks/callbackendpoint/"
LIST = "/admin/callbacks/callbackdelivery/"
FIRST, SECOND, THIRD = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


@pytest.fixture
def sink():
    with Portal() as portal:
        yield portal


@pytest.fixture
def endpoint(db, sink):
    return factories.CallbackEndpointFactory(url=sink.url + "/callback")


def path_of(endpoint, page="change"):
    return f"{ENDPOINTS}{endpoint.pk}/{page}/"


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def send_test(console, endpoint):
    return said(console.post(path_of(endpoint, "send-test-callback")))


def signed_by(console, endpoint, sink):
    """Send a test callback and return which of the secrets verify it."""
    send_test(console, endpoint)
    request, found = sink.received[-1], []
    for secret in (FIRST, SECOND, THIRD):
        try:
            Webhook(secret).verify(request["body"], request["headers"])
            found.append(secret)
        except WebhookVerificationError:
            pass
    return found


def everything_kept():
    return json.dumps([list(model.objects.values()) for model in (Event, LogEntry, Session)], default=str)


def test_a_typed_secret_signs_beside_the_one_before_until_that_is_removed(console, endpoint, sink, changes):
    def shown():
        return console.get(path_of(endpoint)).content.decode()

    assert "None is stored: callbacks are not signed." in shown()
    assert "Remove signing secrets" not in shown()
    assert signed_by(console, endpoint, sink) == []
    assert "webhook-signature" not in sink.received[-1]["headers"]

    assert console.save(path_of(endpoint), new_signing_secret=FIRST).status_code == 302
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["signing_secrets"]
    assert "One is live and signs every callback." in shown()
    assert "Remove the older one" not in shown()
    assert signed_by(console, endpoint, sink) == [FIRST]

    console.save(path_of(endpoint), new_signing_secret=f" {SECOND} ")
    assert "Two are live" in shown()
    assert signed_by(console, endpoint, sink) == [FIRST, SECOND]
    console.save(path_of(endpoint), new_signing_secret=THIRD)
    assert signed_by(console, endpoint, sink) == [SECOND, THIRD]

    console.save(path_of(endpoint), remove_signing_secrets="older")
    assert signed_by(console, endpoint, sink) == [THIRD]
    # What is not touched stays, and is no change.
    before = Event.objects.count()
    console.save(path_of(endpoint))
    console.save(path_of(endpoint), new_signing_secret=THIRD)
    assert Event.objects.count() == before
    assert signed_by(console, endpoint, sink) == [THIRD]

    console.save(path_of(endpoint), remove_signing_secrets="all")
    assert signed_by(console, endpoint, sink) == []
    assert not [secret for secret in (FIRST, SECOND, THIRD) if secret in everything_kept() + shown()]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"new_signing_secret": "secret"}, "new_signing_secret"),
        ({"new_signing_secret": "whsec_" + base64.b64encode(b"x" * 23).decode()}, "new_signing_secret"),
        ({"new_signing_secret": SECOND, "remove_signing_secrets": "all"}, "remove_signing_secrets"),
        ({"remove_signing_secrets": "older"}, "remove_signing_secrets"),
    ],
)
def test_a_wrong_secret_or_two_wishes_at_once_change_nothing(console, endpoint, sink, fields, wrong):
    console.save(path_of(endpoint), new_signing_secret=FIRST)
    assert set(errors(console.save(path_of(endpoint), **fields))) == {wrong}
    assert signed_by(console, endpoint, sink) == [FIRST]


def test_a_new_endpoint_can_have_a_secret_from_the_start(console, sink):
    fields = {"url": sink.url + "/new", "username": "", "new_password": "", "new_signing_secret": FIRST}
    assert console.post(f"{ENDPOINTS}add/", fields).status_code == 302
    assert signed_by(console, CallbackEndpoint.objects.get(), sink) == [FIRST]


def test_a_generated_secret_is_shown_once_and_signs(console, endpoint, sink, changes):
    path = path_of(endpoint, "new-signing-secret")
    assert f'href="{path}"' in console.get(path_of(endpoint)).content.decode()
    console.save(path_of(endpoint), new_signing_secret=FIRST)
    mark = console.get(path).context["question"].mark
    assert signed_by(console, endpoint, sink) == [FIRST]

    page = console.post(path, {"mark": mark})
    secret = re.search(r'id="signing-secret">([^<]+)<', page.content.decode())[1]
    assert "no-store" in page["Cache-Control"]
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["signing_secrets"]
    assert signed_by(console, endpoint, sink) == [FIRST]
    Webhook(secret).verify(sink.received[-1]["body"], sink.received[-1]["headers"])

    # A repeated form makes no third one, and nothing shows the second again.
    assert console.post(path, {"mark": mark}).status_code == 302
    assert signed_by(console, endpoint, sink) == [FIRST]
    question = console.get(path).content.decode()
    assert "Two secrets are live. The older one stops signing at once" in question
    for shown in (question, console.get(path_of(endpoint)).content.decode(), everything_kept()):
        assert secret not in shown
    with connection.cursor() as cursor:
        cursor.execute("SELECT signing_secrets FROM callbacks_callbackendpoint")
        assert secret not in str(cursor.fetchall())


def test_secrets_that_no_key_opens_are_told_of_and_replaced(console, endpoint, sink, settings):
    console.save(path_of(endpoint), new_signing_secret=FIRST, username="", remove_password="on")
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes."]
    assert "cannot be read with this server" in console.get(path_of(endpoint)).content.decode()
    assert "FIELD_ENCRYPTION_KEYS" in send_test(console, endpoint)
    assert sink.received == []
    assert console.save(path_of(endpoint), new_signing_secret=SECOND).status_code == 302
    assert signed_by(console, endpoint, sink) == [SECOND]


def test_a_test_callback_is_a_real_one_about_a_transaction_that_does_not_exist(console, endpoint, sink, changes):
    path = path_of(endpoint, "send-test-callback")
    assert f'href="{path}"' in console.get(path_of(endpoint)).content.decode()
    assert f"Send a test callback to {endpoint.url}?" in console.get(path).content.decode()
    assert sink.received == []

    text = send_test(console, endpoint)
    assert re.search(rf"{endpoint.url} took the test callback: HTTP 204 after \d+ ms", text)
    send_test(console, endpoint)
    one, other = sink.received
    body = json.loads(one["body"])
    assert body == {"callback_uri": endpoint.url, "transaction_id": str(UUID(body["transaction_id"]))}
    assert one["headers"]["authorization"] == "Basic " + base64.b64encode(b"portal:callback-password").decode()
    assert body["transaction_id"] != json.loads(other["body"])["transaction_id"]
    assert one["headers"]["webhook-id"] != other["headers"]["webhook-id"]
    assert not CallbackDelivery.objects.exists()
    assert changes("ADMIN_TEST_CALLBACK_SENT") == {
        "who": "olga",
        "object": endpoint.url,
        "http_status": 204,
        "reason": "",
    }


@pytest.mark.parametrize(
    ("answer", "reason", "remedy"),
    [
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "HTTP 302", "Redirects are not followed."),
        ({"status": 401}, "HTTP 401", "Compare user name and password"),
        ({"status": 403}, "HTTP 403", "Compare user name and password"),
        ({"status": 404}, "HTTP 404", "nothing at this address"),
        ({"status": 405}, "HTTP 405", "takes no POST"),
        ({"status": 410}, "HTTP 410", "gone for good"),
        ({"status": 422}, "HTTP 422", "refuses the callback itself"),
        ({"status": 429}, "HTTP 429", "too much is sent"),
        ({"status": 503}, "HTTP 503", "a fault of its own"),
        ({"reset": True}, "reset", "broke the connection off"),
        ({"hang": 60}, "timed out", "no answer in time"),
    ],
)
def test_what_a_portal_answers_is_told_with_what_to_do(
    console, endpoint, sink, changes, monkeypatch, answer, reason, remedy
):
    if "hang" in answer:
        monkeypatch.setattr(calls, "ANSWER_SECONDS", 0.2)
    sink.script["/callback"] = [answer]
    text = send_test(console, endpoint)
    assert "did not take the test callback" in text
    assert reason in text
    assert remedy in text
    assert len(sink.received) == 1
    assert reason in changes("ADMIN_TEST_CALLBACK_SENT")["reason"]


def test_a_host_that_is_not_reached_is_told_with_what_to_do(console, endpoint, sink, settings, monkeypatch):
    def told(url):
        CallbackEndpoint.objects.update(url=url)
        return send_test(console, endpoint)

    assert "See that the portal is up" in told(f"http://127.0.0.1:{free_port()}/")
    assert "No encrypted connection came about." in told(sink.url.replace("http:", "https:"))
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    assert "set CALLBACKS_ALLOW_PRIVATE_ADDRESSES" in told(sink.url)
    assert sink.received == []

    def unknown(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "cannot be looked up" in told("http://portal.example.com/")


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("SSL certificate problem: unable to get local issuer certificate", "comes with its chain"),
        ("Connection timed out after 5001 milliseconds", "5 seconds to take the connection"),
        (
            "Failed to connect to a.example port 443 after 2 ms: Could not connect to server",
            "See that the portal is up",
        ),
        ("Empty reply from server", "broke the connection off"),
        ("something that nobody knows", "see the portal's log"),
    ],
)
def test_other_words_of_the_network_have_a_remedy_too(reason, remedy):
    assert remedy in remedies.remedy_of(reason)


@pytest.mark.parametrize("page", ["send-test-callback", "new-signing-secret"])
def test_only_a_staff_members_own_post_does_anything(console, administrator, endpoint, sink, page):
    path, before = path_of(endpoint, page), CallbackEndpoint.objects.values().get()
    for method in ("get", "head", "put", "delete", "options"):
        getattr(console, method)(path)
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(administrator)
    assert forged.post(path).status_code == 403
    stranger, clerk = Client(), Client()
    clerk.force_login(User.objects.create_user("eve", password="x", is_staff=True))
    for client in (stranger, clerk):
        assert client.post(path)["Location"].startswith("/admin/login/")
    assert sink.received == []
    assert CallbackEndpoint.objects.values().get() == before
    for nobody in (uuid4(), "abc"):
        assert console.post(f"{ENDPOINTS}{nobody}/{page}/").status_code == 404


# Deliveries.


@pytest.fixture
def made(db):
    """Store a callback with attempts of these reasons; the last one may have succeeded ("")."""

    def run(url="http://127.0.0.1:9/callback", *, state="failed", reasons=("HTTP 500",), hours=1):
        now = timezone.now()
        row = CallbackDelivery.objects.create(
            url=url,
            lane=url,
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


def test_deliveries_are_listed_newest_first_and_filtered(console, made):
    old = made(hours=3, state="done", reasons=("HTTP 500", ""))
    failed = made(hours=2, reasons=("HTTP 500", "<b>Connection refused</b>"))
    waiting = made(url="http://127.0.0.1:9/other", state="due")
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
    for text in ("waiting", "delivered", "failed for good", "&lt;b&gt;Connection refused&lt;/b&gt;"):
        assert text in page
    assert f"{waiting.due_at:%-d %b %Y, %H:%M:%S}" in page


def test_a_deliverys_page_shows_every_attempt_and_the_next(console, made):
    row = made(state="due", reasons=("HTTP 401", "Connection timed out after 5001 milliseconds", "HTTP 404"))
    page = console.get(f"{LIST}{row.pk}/change/").content.decode()
    attempts = re.findall(r"Attempt (\d): failed", page)
    assert attempts == ["1", "2", "3"]
    for text in ("HTTP 401", "Connection timed out after 5001 milliseconds", "11 ms", "12 ms", "13 ms", row.webhook_id):
        assert text in page
    assert re.search(rf"{row.due_at:%-d %b %Y, %H:%M:%S}</time>\s*<span><strong>Next try", page)
    assert "nothing at this address" in page
    assert f"/admin/transactions/transaction/{row.transaction_id}/change/" in page
    assert "send-again" not in page
    assert "<strong>Next try" not in console.get(f"{LIST}{made().pk}/change/").content.decode()


def test_the_pages_lead_to_each_other(console, endpoint, portal, mobile_type, device):
    page = console.get(ENDPOINTS).content.decode()
    for name, target in (("deliveries", LIST), ("failed-deliveries", f"{LIST}?state=failed")):
        assert f'href="{ENDPOINTS}{name}/"' in page
        assert console.get(f"{ENDPOINTS}{name}/")["Location"] == target
    here = console.get(path_of(endpoint, "deliveries"), follow=True)
    assert here.context["cl"].get_filters_params()["url"] == [endpoint.url]
    started = portal.start(mobile_type, device).json()["transaction_id"]
    transaction = console.get(f"/admin/transactions/transaction/{started}/change/").content.decode()
    assert f'href="{LIST}?transaction_id={started}"' in transaction


def work_off():
    """Do what the worker does with all that is due."""
    due = list(CallbackDelivery.due(timezone.now()).values_list("pk", flat=True))
    for _part in delivery.deliver(outbox.claim(CallbackDelivery, due)):
        pass


@pytest.mark.django_db(transaction=True)
def test_a_failed_one_is_sent_again_by_who_asked_for_it(console, made, sink, changes):
    row, other = made(sink.url + "/callback"), made(sink.url + "/other")
    path = f"{LIST}{row.pk}/send-again/"
    assert f'href="{path}"' in console.get(path.replace("send-again", "change")).content.decode()
    assert f"Send this callback to {row.url} again?" in console.get(path).content.decode()
    work_off()
    assert sink.received == []

    assert "1 callback is due again." in said(console.post(path))
    event = Event.objects.get(event_type="ADMIN_CALLBACKS_REDELIVERED")
    assert (event.transaction_id, changes(event.event_type)["count"]) == (row.transaction_id, 1)
    work_off()
    [request] = sink.received
    assert request["headers"]["webhook-id"] == row.webhook_id
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state) == ("done", "failed")

    assert "Nothing was to be sent again" in said(console.post(path))
    assert Event.objects.filter(event_type=event.event_type).count() == 1


@pytest.mark.django_db(transaction=True)
def test_all_failed_ones_are_sent_again_or_those_of_one_address(console, made, sink, changes):
    made(state="done", reasons=("",))
    for url in ("/a", "/a", "/b"):
        made(sink.url + url)
    path = f"{LIST}send-all-again/"
    assert f'href="{path}"' in console.get(LIST).content.decode()
    assert "Send 3 failed callbacks again?" in console.get(path).content.decode()
    shown = console.get(LIST, {"url": sink.url + "/a"}).content.decode()
    [only] = re.findall(rf'href="({path}\?url=[^"]+)"', shown)
    only = console.get(only).content.decode()
    assert "Send 2 failed callbacks again?" in only
    assert f"They go to {sink.url}/a only." in only

    assert "2 callbacks are due again." in said(console.post(f"{path}?url={sink.url}/a"))
    assert changes("ADMIN_CALLBACKS_REDELIVERED") == {"who": "olga", "count": 2, "object": sink.url + "/a"}
    assert "1 callback is due again." in said(console.post(path))
    work_off()
    assert sorted(request["path"] for request in sink.received) == ["/a", "/a", "/b"]
    question = console.get(path).content.decode()
    assert "No callback has failed for good" in question
    assert "Nothing was to be sent again" in said(console.post(path))


def test_nobody_else_sends_again(console, administrator, made):
    row = made()
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
def test_no_list_reads_the_whole_table(console, made, query):
    made()
    with CaptureQueriesContext(connection) as queries:
        console.get(f"{LIST}?{query}")
        console.get(f"{LIST}send-all-again/?{query}")
    about = [one["sql"] for one in queries if 'FROM "callbacks_callbackdelivery"' in one["sql"]]
    assert len(about) == 2
    for sql in about:
        assert not re.search(r"Seq Scan on callbacks_|SCAN callbacks_\w+$", plan(sql), re.MULTILINE)


def plan(sql):
    """Return how the database would answer; PostgreSQL reads a whole table here only where no index serves."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + sql)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


# Addresses that keep failing.


@pytest.fixture
def failing(db):
    def run(url, *, failures=3, days=0):
        moment = timezone.now() - timedelta(days=days)
        return FailingAddress.objects.create(
            url=url, failures=failures, reason="HTTP 503", failing_since=moment, last_failed_at=moment
        )

    return run


def problems(console, path="/admin/"):
    shown = console.get(path).context["problems"]
    return [problem if isinstance(problem, dict) else vars(problem) for problem in shown]


def titles(console, path="/admin/"):
    return [str(problem["title"]) for problem in problems(console, path)]


def test_an_address_that_keeps_failing_is_told_wherever_one_looks(console, endpoint, sink, failing):
    failing("https://quiet.example/", days=8)
    failing("https://patient.example/", failures=2)
    assert titles(console) == titles(console, ENDPOINTS) == titles(console, path_of(endpoint)) == []

    sink.script["/callback"] = [{"status": 503}] * 3
    for _attempt in range(3):
        send_test(console, endpoint)
    stranger = failing("https://user:hidden@stranger.example/?a=b")
    expected = ["Callbacks to https://…@stranger.example/?a=b fail", f"Callbacks to {endpoint.url} fail"]
    assert titles(console) == titles(console, ENDPOINTS) == expected
    assert titles(console, path_of(endpoint)) == expected[1:]

    since = f"{FailingAddress.objects.get(url=endpoint.url).failing_since:%-d %b %Y, %H:%M:%S}"
    start, there = console.get("/admin/").content.decode(), console.get(path_of(endpoint)).content.decode()
    for page in (start, there):
        assert f"3 calls in a row have failed, the first on {since} (UTC). The last reason: HTTP 503." in page
        assert "The portal has a fault of its own." in page
    assert "hidden@" not in start
    assert f'href="{path_of(endpoint)}"' in start
    [link] = [problem["url"] for problem in problems(console) if "stranger" in problem["title"]]
    assert console.get(link).context["cl"].get_filters_params()["url"] == [stranger.url]
    assert f"Fails since {since}: HTTP 503" in console.get(ENDPOINTS).content.decode()

    send_test(console, endpoint)
    assert titles(console) == expected[:1]


def test_only_the_last_of_many_failing_addresses_are_named(console, failing):
    for number in range(7):
        failing(f"https://{number}.example/")
    names = [f"Callbacks to https://{number}.example/ fail" for number in (6, 5, 4, 3, 2)]
    assert titles(console) == [*names, "Callbacks to more addresses fail"]


def test_nothing_fails_while_mobile_authentication_is_off(console, failing):
    failing("https://a.example/")
    console.save("/admin/system/features/", mobile_authentication=None)
    assert titles(console) == []
