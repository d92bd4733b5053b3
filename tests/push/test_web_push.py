"""Web Push: encryption, VAPID, outcomes, and the rules for the URLs that devices supply."""

import json
import socket
import time
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from apps.enrollment.models import PushEnrollment
from apps.outgoing import addresses
from apps.push.models import Kind
from apps.push.providers.web_push import provider, subscriptions, vapid
from tests import factories
from tests.api.calls import error_of
from tests.fakes import web_push
from tests.ports import free_port
from tests.push import provider_cases
from tests.push.conftest import ENDED, PENDING, assert_failed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider_case():
    return provider_cases.WEB_PUSH


def put_token(client, device, token):
    """Enrol for push and return the response."""
    return client.put(
        f"/device/v1/enrollments/{device.profile_id}/push",
        {"push_token": token},
        content_type="application/json",
        headers={"Authorization": f"Bearer {device.device_token}"},
    )


def changed(token, **members):
    """Return a push token with other members; keys are given by their names."""
    content = json.loads(token)
    for name, value in members.items():
        target = content["keys"] if name in ("p256dh", "auth") else content
        target[name] = value
    return json.dumps(content)


def test_message_is_encrypted_for_the_browser_and_identifies_the_server(
    send_push, push_flow, received_pushes, version, device, token
):
    transaction_id = send_push(message="Sign in to the shop?")
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    [record] = received_pushes()
    assert json.loads(record["body"]) == {
        "og_transaction_id": transaction_id,
        "og_profile_id": device.profile_id,
        "og_message": "Sign in to the shop?",
    }
    headers = record["headers"]
    assert headers["urgency"] == "high"
    assert headers["topic"] == transaction_id.replace("-", "")
    assert 290 <= int(headers["ttl"]) <= 300
    configuration = version.push_messaging_configuration
    assert headers["authorization"].endswith(f", k={configuration.vapid_public_key}")
    claims = jwt.decode(headers["authorization"].split("t=")[1].split(",")[0], options={"verify_signature": False})
    assert claims["aud"] == "https://" + urlsplit(json.loads(token)["endpoint"]).netloc
    assert claims["sub"] == configuration.contact
    assert 0 < claims["exp"] - time.time() <= 24 * 3600


def test_each_message_has_its_own_key_and_all_share_a_vapid_header(send_push, fake, received_pushes):
    send_push()
    send_push()
    first, second = received_pushes()
    assert (first["status"], second["status"]) == (201, 201)
    assert first["headers"]["authorization"] == second["headers"]["authorization"]
    assert first["connection"] == second["connection"]


def test_vapid_header_is_signed_for_an_origin_and_reused_for_an_hour(frozen_clock):
    cache, key = vapid.HeaderCache(), vapid.generate_private_key()
    first = cache.get(key, "mailto:a@example.com", "https://one.example")
    assert cache.get(key, "mailto:a@example.com", "https://two.example") != first
    assert cache.get(key, "mailto:b@example.com", "https://one.example") != first
    assert cache.get(vapid.generate_private_key(), "mailto:a@example.com", "https://one.example") != first
    frozen_clock.shift(vapid.REUSE_SECONDS - 1)
    assert cache.get(key, "mailto:a@example.com", "https://one.example") == first
    frozen_clock.shift(2)
    assert cache.get(key, "mailto:a@example.com", "https://one.example") != first


def test_cache_of_vapid_headers_is_limited():
    cache, key = vapid.HeaderCache(), vapid.generate_private_key()
    first = cache.get(key, "mailto:a@example.com", "https://one.example")
    for number in range(vapid.MAX_CACHED_HEADERS):
        cache.get(key, "mailto:a@example.com", f"https://{number}.example")
    assert cache.get(key, "mailto:a@example.com", "https://one.example") != first


def test_long_message_is_shortened_once_after_413(send_push, push_flow, received_pushes, settings):
    settings.MESSAGE_MAX_LENGTH = 10_000
    transaction_id = send_push({"status": 413}, message="é" * 3000)
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    first, second = received_pushes()
    assert 4096 - 16 < first["size"] <= 4096
    assert second["status"] == 201
    assert len(second["body"].encode()) <= provider.SHORT_PLAINTEXT_BYTES
    assert json.loads(second["body"])["og_message"].endswith("…")


def test_second_413_is_final(send_push, push_flow, received_pushes, settings):
    settings.MESSAGE_MAX_LENGTH = 10_000
    transaction_id = send_push({"status": 413}, {"status": 413}, message="é" * 3000)
    assert_failed(push_flow, transaction_id, provider_cases.REFUSED, "Web Push: HTTP 413")
    assert len(received_pushes()) == 2


def test_short_message_is_not_repeated_after_413(send_push, push_flow, received_pushes):
    assert_failed(push_flow, send_push({"status": 413}), provider_cases.REFUSED, "Web Push: HTTP 413")
    assert len(received_pushes()) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed_and_ends_the_subscription(send_push, push_flow, received_pushes, fake, status):
    other = fake.subscribe()
    location = json.loads(other)["endpoint"]
    transaction_id = send_push({"status": status, "headers": {"location": location}})
    assert_failed(push_flow, transaction_id, provider_cases.DEAD_TOKEN, f"Web Push: HTTP {status}")
    assert len(received_pushes()) == 1
    assert fake.wait(other, 0, None, 0) == []
    assert not PushEnrollment.objects.exists()


def test_subscription_of_another_server_key_is_a_configuration_error(
    enroll, version, push_flow, mobile_type, fake, device
):
    other_key = vapid.public_key(vapid.generate_private_key())
    device.enroll_push(fake.subscribe(other_key))
    transaction_id = push_flow.send(mobile_type, device)
    assert_failed(push_flow, transaction_id, provider_cases.MISCONFIGURED, "Web Push: HTTP 403 (VapidPkHashMismatch)")


def test_endpoint_that_became_forbidden_is_removed(send_push, push_flow, settings, received_pushes):
    settings.WEB_PUSH_HOSTS = ["push.example.com"]
    assert_failed(push_flow, send_push(), provider_cases.DEAD_TOKEN, provider.INVALID_SUBSCRIPTION)
    assert received_pushes() == []
    assert not PushEnrollment.objects.exists()


def test_private_address_is_not_connected_to(send_push, push_flow, settings, received_pushes):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    transaction_id = send_push()
    assert push_flow.attempts(transaction_id)[0][0] == provider_cases.DEAD_TOKEN
    assert "not public" in push_flow.attempts(transaction_id)[0][1]
    assert push_flow.result(transaction_id) == ENDED
    assert received_pushes() == []


@pytest.fixture
def resolved(monkeypatch):
    """Replace the resolver: each lookup takes the next address, the last one again and again."""
    answers, asked = [], []

    def resolve(host, port, **_options):
        asked.append(host)
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers, asked


def test_checked_address_is_the_one_connected_to(send_push, push_flow, resolved, monkeypatch, received_pushes):
    answers, asked = resolved
    # In this test, one loopback address is public. A second lookup would find another one.
    monkeypatch.setattr(addresses, "is_public", lambda address: str(address) == "127.0.0.1")
    answers += ["127.0.0.1", "127.0.0.2"]
    transaction_id = send_push()
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    assert asked == ["localhost"]
    assert len(received_pushes()) == 1


def test_rebound_name_is_rejected_also_on_an_open_connection(
    send_push, push_flow, resolved, monkeypatch, settings, received_pushes
):
    answers, _asked = resolved
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    monkeypatch.setattr(addresses, "is_public", lambda address: str(address) == "127.0.0.1")
    answers += ["127.0.0.1", "127.0.0.2"]
    assert push_flow.attempts(send_push()) == [("accepted", "")]
    assert push_flow.attempts(send_push())[0][0] == provider_cases.DEAD_TOKEN
    assert len(received_pushes()) == 1


def test_unreachable_push_service_is_retried(enroll, version, push_flow, mobile_type, device, token):
    device.enroll_push(changed(token, endpoint=f"https://localhost:{free_port()}/push"))
    transaction_id = push_flow.send(mobile_type, device)
    assert push_flow.attempts(transaction_id)[0][0] == provider_cases.RETRY
    assert push_flow.result(transaction_id) == PENDING


def test_name_that_cannot_be_resolved_is_retried(send_push, push_flow, monkeypatch):
    def fail(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_AGAIN, "temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    transaction_id = send_push()
    assert push_flow.attempts(transaction_id)[0][0] == provider_cases.RETRY
    assert push_flow.result(transaction_id) == PENDING


INVALID_ENDPOINTS = [
    "http://localhost/push",
    "https://user:secret@localhost/push",
    "https://user@localhost/push",
    "https://localhost/push#fragment",
    "https://localhost.example.com/push",
    "https://notlocalhost/push",
    "https://127.0.0.1/push",
    "https://[::1]/push",
    "https://localhost:0/push",
    "https:///push",
    "https://localhost/pu sh",
    "https://localhost/\r\nX: y",
    "ftp://localhost/push",
    "",
    7,
    None,
    ["https://localhost/push"],
]


@pytest.mark.parametrize("endpoint", INVALID_ENDPOINTS)
def test_invalid_endpoint_is_rejected_at_the_push_step(client, device, token, endpoint):
    assert error_of(put_token(client, device, changed(token, endpoint=endpoint)))[1] == "invalid_request"
    assert PushEnrollment.objects.get().token == token


KEY = web_push.encode(b"\4" + b"\1" * 64)
INVALID_KEYS = [
    {"p256dh": KEY},
    {"p256dh": web_push.encode(b"\4" * 64)},
    {"p256dh": ""},
    {"p256dh": 7},
    {"p256dh": "not base64url!"},
    {"auth": web_push.encode(b"\1" * 15)},
    {"auth": web_push.encode(b"\1" * 17)},
    {"auth": "="},
    {"auth": None},
    {"keys": []},
    {"keys": {}},
]


@pytest.mark.parametrize("members", INVALID_KEYS, ids=str)
def test_invalid_keys_are_rejected_at_the_push_step(client, device, token, members):
    assert error_of(put_token(client, device, changed(token, **members)))[1] == "invalid_request"


def test_compressed_point_is_rejected(client, device, token):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(web_push.Encoding.X962, web_push.PublicFormat.CompressedPoint)
    response = put_token(client, device, changed(token, p256dh=web_push.encode(point)))
    assert error_of(response)[1] == "invalid_request"


@pytest.mark.parametrize("token", ["a" * 64, "{", "[]", "null", '"text"', "[" * 4000])
def test_token_that_is_no_subscription_is_rejected(client, enroll, version, token):
    device = enroll(push_token="", version=version)
    assert error_of(put_token(client, device, token))[1] == "invalid_request"


def test_private_address_is_rejected_at_the_push_step(client, enroll, version, fake, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    device = enroll(push_token="", version=version)
    assert error_of(put_token(client, device, fake.subscribe()))[1] == "invalid_request"


HOSTS = [
    ("fcm.googleapis.com", True),
    ("FCM.googleapis.com", True),
    ("updates.push.services.mozilla.com", True),
    ("wns2-par02p.notify.windows.com", True),
    ("web.push.apple.com", True),
    ("notify.windows.com", False),
    ("evil-notify.windows.com", False),
    ("fcm.googleapis.com.example.com", False),
    ("xfcm.googleapis.com", False),
    ("fcm.googleapis.com.", False),
    ("localhost", False),
]


@pytest.mark.parametrize(("host", "is_allowed"), HOSTS)
def test_default_hosts_are_the_push_services_of_the_browsers(host, is_allowed):
    assert subscriptions.is_allowed_host(host.lower()) == is_allowed


def test_any_host_can_be_allowed(settings):
    settings.WEB_PUSH_HOSTS = ["*"]
    assert subscriptions.is_allowed_host("push.example.com")
    assert not subscriptions.is_listed_host("push.example.com")


def test_endpoint_identifies_the_device(client, enroll, version, device, token, fake):
    other = enroll("bert", push_token=fake.subscribe(), version=version)
    fresh = json.loads(fake.subscribe())["keys"]
    response = put_token(client, other, changed(token, **fresh))
    assert error_of(response) == (409, "9016")
    device.replace_push_token(changed(token, **fresh), changed(token, **fresh, expirationTime=None))
    assert json.loads(PushEnrollment.objects.get(profile__user_id="anna").token)["keys"] == fresh


def test_android_version_can_use_web_push(make_version, provider_case, enroll, push_flow, mobile_type, fake):
    version = make_version(provider_case, platform="android")
    token = fake.subscribe()
    device = enroll(push_token=token, version=version)
    assert push_flow.attempts(push_flow.send(mobile_type, device)) == [("accepted", "")]
    assert version.push_messaging_configuration.kind == Kind.WEB_PUSH


def test_web_device_without_push_pulls(enroll, portal):
    version = factories.ApplicationVersionFactory(platform="web", push_messaging_configuration=None)
    device = enroll(push_token="", version=version)
    otp = portal.start(factories.TypeFactory(method="otp"), device, device_id=None, user_id=None).json()["otp"]
    assert device.answer(device.claim_otp(otp), approve=True) == "authenticated"
