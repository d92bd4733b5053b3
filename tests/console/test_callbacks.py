"""Callback endpoints in the console: signing secrets and the test callback."""

import base64
import json
import re
import socket
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from standardwebhooks import Webhook, WebhookVerificationError

from apps.callbacks import transport
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.events.models import Event
from tests.console.callback_pages import ENDPOINTS, path_of, send_test
from tests.console.conftest import errors, sign_in_again
from tests.ports import free_port

FIRST, SECOND, THIRD = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


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
    state_token = console.get(path).context["confirmation"].state_token
    assert signed_by(console, endpoint, sink) == [FIRST]

    page = console.post(path, {"state_token": state_token})
    secret = re.search(r'id="signing-secret">([^<]+)<', page.content.decode())[1]
    assert "no-store" in page["Cache-Control"]
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["signing_secrets"]
    assert signed_by(console, endpoint, sink) == [FIRST]
    Webhook(secret).verify(sink.received[-1]["body"], sink.received[-1]["headers"])

    # A repeated form makes no third one, and nothing shows the second again.
    assert console.post(path, {"state_token": state_token}).status_code == 302
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
    sign_in_again(console)
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
        ({"status": 401}, "HTTP 401", "Compare the user name and password"),
        ({"status": 403}, "HTTP 403", "Compare the user name and password"),
        ({"status": 404}, "HTTP 404", "no resource at this URL"),
        ({"status": 405}, "HTTP 405", "does not accept POST"),
        ({"status": 410}, "HTTP 410", "permanently gone"),
        ({"status": 422}, "HTTP 422", "The portal rejects the callback."),
        ({"status": 429}, "HTTP 429", "too many requests"),
        ({"status": 503}, "HTTP 503", "an internal error"),
        ({"reset": True}, "reset", "closed the connection without a response"),
        ({"delay": 60}, "timed out", "did not respond in time"),
    ],
)
def test_what_a_portal_answers_is_told_with_what_to_do(
    console, endpoint, sink, changes, monkeypatch, answer, reason, remedy
):
    if "delay" in answer:
        monkeypatch.setattr(transport, "TIMEOUT_SECONDS", 0.2)
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

    assert "Check that the portal is running" in told(f"http://127.0.0.1:{free_port()}/")
    assert "The TLS handshake failed." in told(sink.url.replace("http:", "https:"))
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    assert "set CALLBACKS_ALLOW_PRIVATE_ADDRESSES" in told(sink.url)
    assert sink.received == []

    def unknown(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "The host name cannot be resolved." in told("http://portal.example.com/")


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
