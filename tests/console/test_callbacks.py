"""Callback endpoints in the console: signing secrets and test callback."""

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
from tests.console.callback_pages import ENDPOINTS, page_path, send_test
from tests.console.conftest import errors, sign_in_again
from tests.ports import free_port

FIRST, SECOND, THIRD = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


def signed_by(console, endpoint, fake_portal):
    """Send a test callback and return the secrets that verify its signature."""
    send_test(console, endpoint)
    request, found = fake_portal.received[-1], []
    for secret in (FIRST, SECOND, THIRD):
        try:
            Webhook(secret).verify(request["body"], request["headers"])
            found.append(secret)
        except WebhookVerificationError:
            pass
    return found


def stored_values():
    return json.dumps([list(model.objects.values()) for model in (Event, LogEntry, Session)], default=str)


def test_old_secret_signs_until_removed(console, endpoint, fake_portal, changes):
    def shown():
        return console.get(page_path(endpoint)).content.decode()

    assert "No signing secret is stored: callbacks are not signed." in shown()
    assert "Remove signing secrets" not in shown()
    assert signed_by(console, endpoint, fake_portal) == []
    assert "webhook-signature" not in fake_portal.received[-1]["headers"]

    assert console.save(page_path(endpoint), new_signing_secret=FIRST).status_code == 302
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["signing_secrets"]
    assert "One signing secret is active." in shown()
    assert "Remove the older one" not in shown()
    assert signed_by(console, endpoint, fake_portal) == [FIRST]

    console.save(page_path(endpoint), new_signing_secret=f" {SECOND} ")
    assert "Two signing secrets are active" in shown()
    assert signed_by(console, endpoint, fake_portal) == [FIRST, SECOND]
    console.save(page_path(endpoint), new_signing_secret=THIRD)
    assert signed_by(console, endpoint, fake_portal) == [SECOND, THIRD]

    console.save(page_path(endpoint), remove_signing_secrets="older")
    assert signed_by(console, endpoint, fake_portal) == [THIRD]
    # An unchanged form keeps the secrets and records no event.
    before = Event.objects.count()
    console.save(page_path(endpoint))
    console.save(page_path(endpoint), new_signing_secret=THIRD)
    assert Event.objects.count() == before
    assert signed_by(console, endpoint, fake_portal) == [THIRD]

    console.save(page_path(endpoint), remove_signing_secrets="all")
    assert signed_by(console, endpoint, fake_portal) == []
    assert not [secret for secret in (FIRST, SECOND, THIRD) if secret in stored_values() + shown()]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"new_signing_secret": "secret"}, "new_signing_secret"),
        ({"new_signing_secret": "whsec_" + base64.b64encode(b"x" * 23).decode()}, "new_signing_secret"),
        ({"new_signing_secret": SECOND, "remove_signing_secrets": "all"}, "remove_signing_secrets"),
        ({"remove_signing_secrets": "older"}, "remove_signing_secrets"),
    ],
)
def test_invalid_or_conflicting_input_changes_nothing(console, endpoint, fake_portal, fields, wrong):
    console.save(page_path(endpoint), new_signing_secret=FIRST)
    assert set(errors(console.save(page_path(endpoint), **fields))) == {wrong}
    assert signed_by(console, endpoint, fake_portal) == [FIRST]


def test_new_endpoint_can_have_secret(console, fake_portal):
    fields = {"url": fake_portal.url + "/new", "username": "", "new_password": "", "new_signing_secret": FIRST}
    assert console.post(f"{ENDPOINTS}add/", fields).status_code == 302
    assert signed_by(console, CallbackEndpoint.objects.get(), fake_portal) == [FIRST]


def test_generated_secret_is_shown_once(console, endpoint, fake_portal, changes):
    path = page_path(endpoint, "new-signing-secret")
    assert f'href="{path}"' in console.get(page_path(endpoint)).content.decode()
    console.save(page_path(endpoint), new_signing_secret=FIRST)
    state_token = console.get(path).context["confirmation"].state_token
    assert signed_by(console, endpoint, fake_portal) == [FIRST]

    page = console.post(path, {"state_token": state_token})
    secret = re.search(r'id="signing-secret">([^<]+)<', page.content.decode())[1]
    assert "no-store" in page["Cache-Control"]
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["signing_secrets"]
    assert signed_by(console, endpoint, fake_portal) == [FIRST]
    Webhook(secret).verify(fake_portal.received[-1]["body"], fake_portal.received[-1]["headers"])

    # A repeated form does not create a third secret, and the second is not shown again.
    assert console.post(path, {"state_token": state_token}).status_code == 302
    assert signed_by(console, endpoint, fake_portal) == [FIRST]
    confirmation = console.get(path).content.decode()
    assert "Two secrets are active. The older one is removed immediately" in confirmation
    for shown in (confirmation, console.get(page_path(endpoint)).content.decode(), stored_values()):
        assert secret not in shown
    with connection.cursor() as cursor:
        cursor.execute("SELECT signing_secrets FROM callbacks_callbackendpoint")
        assert secret not in str(cursor.fetchall())


def test_undecryptable_secrets_are_reported_and_replaced(console, endpoint, fake_portal, settings):
    console.save(page_path(endpoint), new_signing_secret=FIRST, username="", remove_password="on")
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes."]
    sign_in_again(console)
    assert "stored secrets cannot be decrypted" in console.get(page_path(endpoint)).content.decode()
    assert "FIELD_ENCRYPTION_KEYS" in send_test(console, endpoint)
    assert fake_portal.received == []
    assert console.save(page_path(endpoint), new_signing_secret=SECOND).status_code == 302
    assert signed_by(console, endpoint, fake_portal) == [SECOND]


def test_test_callback_has_format_of_real_callback(console, endpoint, fake_portal, changes):
    path = page_path(endpoint, "send-test-callback")
    assert f'href="{path}"' in console.get(page_path(endpoint)).content.decode()
    assert f"Send a test callback to {endpoint.url}?" in console.get(path).content.decode()
    assert fake_portal.received == []

    text = send_test(console, endpoint)
    assert re.search(rf"{endpoint.url} accepted the test callback: HTTP 204 after \d+ ms", text)
    send_test(console, endpoint)
    first, other = fake_portal.received
    body = json.loads(first["body"])
    assert body == {"callback_uri": endpoint.url, "transaction_id": str(UUID(body["transaction_id"]))}
    assert first["headers"]["authorization"] == "Basic " + base64.b64encode(b"portal:callback-password").decode()
    assert body["transaction_id"] != json.loads(other["body"])["transaction_id"]
    assert first["headers"]["webhook-id"] != other["headers"]["webhook-id"]
    assert not CallbackDelivery.objects.exists()
    assert changes("ADMIN_TEST_CALLBACK_SENT") == {
        "who": "olga",
        "object": endpoint.url,
        "http_status": 204,
        "reason": "",
    }


@pytest.mark.parametrize(
    ("response", "reason", "remedy"),
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
def test_test_callback_shows_response_and_remedy(
    console, endpoint, fake_portal, changes, monkeypatch, response, reason, remedy
):
    if "delay" in response:
        monkeypatch.setattr(transport, "TIMEOUT_SECONDS", 0.2)
    fake_portal.script["/callback"] = [response]
    text = send_test(console, endpoint)
    assert f"The test callback to {endpoint.url} failed after" in text
    assert reason in text
    assert remedy in text
    assert len(fake_portal.received) == 1
    assert reason in changes("ADMIN_TEST_CALLBACK_SENT")["reason"]


def test_test_callback_shows_network_error_and_remedy(console, endpoint, fake_portal, settings, monkeypatch):
    def send_to(url):
        CallbackEndpoint.objects.update(url=url)
        return send_test(console, endpoint)

    assert "Check that the portal is running" in send_to(f"http://127.0.0.1:{free_port()}/")
    assert "The TLS handshake failed." in send_to(fake_portal.url.replace("http:", "https:"))
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    assert "set CALLBACKS_ALLOW_PRIVATE_ADDRESSES" in send_to(fake_portal.url)
    assert fake_portal.received == []

    def unknown(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "The host name cannot be resolved." in send_to("http://portal.example.com/")


@pytest.mark.parametrize("page", ["send-test-callback", "new-signing-secret"])
def test_endpoint_actions_require_staff_post(console, administrator, endpoint, fake_portal, page):
    path, before = page_path(endpoint, page), CallbackEndpoint.objects.values().get()
    for method in ("get", "head", "put", "delete", "options"):
        getattr(console, method)(path)
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(administrator)
    assert forged.post(path).status_code == 403
    anonymous, other_staff = Client(), Client()
    other_staff.force_login(User.objects.create_user("eve", password="x", is_staff=True))
    for client in (anonymous, other_staff):
        assert client.post(path)["Location"].startswith("/admin/login/")
    assert fake_portal.received == []
    assert CallbackEndpoint.objects.values().get() == before
    for unknown_id in (uuid4(), "abc"):
        assert console.post(f"{ENDPOINTS}{unknown_id}/{page}/").status_code == 404
