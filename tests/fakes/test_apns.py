"""The fake APNs rejects requests as Apple does, over a real connection. Push tests depend on it."""

import io
import json
import threading
import time

import jwt
import pycurl
import pytest

from tests.fakes import apns

DEVICE = "a1" * 32
PAYLOAD = json.dumps({"aps": {"alert": "Log in?"}})


@pytest.fixture(scope="module")
def apple():
    with apns.Apns() as apple:
        yield apple


def bearer(apple, **changes):
    claims = {"iss": apns.TEAM_ID, "iat": int(time.time())} | changes
    signing_key = apple.describe()["signing_key"]
    return "bearer " + jwt.encode(claims, signing_key, "ES256", headers={"kid": apns.KEY_ID})


def push(apple, device=DEVICE, payload=PAYLOAD, **headers):
    """Send a push with valid headers, some changed (None: omitted); returns (status, reason)."""
    described, body = apple.describe(), io.BytesIO()
    valid = {"authorization": bearer(apple), "apns-topic": apns.TOPIC, "apns-push-type": "alert"}
    sent = valid | {name.replace("_", "-"): value for name, value in headers.items()}
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{described['production_url']}/3/device/{device}")
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    curl.setopt(pycurl.CAINFO, described["ca_file"])
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.TIMEOUT, 10)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in sent.items() if value is not None])
    curl.setopt(pycurl.POSTFIELDS, payload)
    curl.setopt(pycurl.WRITEFUNCTION, body.write)
    curl.perform()
    content = body.getvalue()
    return curl.getinfo(pycurl.RESPONSE_CODE), json.loads(content)["reason"] if content else None


@pytest.mark.parametrize(
    ("rejection", "changes"),
    [
        ((403, "MissingProviderToken"), {"authorization": None}),
        ((403, "InvalidProviderToken"), {"authorization": "bearer nonsense"}),
        ((400, "MissingTopic"), {"apns_topic": None}),
        ((400, "InvalidPushType"), {"apns_push_type": None}),
        ((400, "BadPriority"), {"apns_priority": "7"}),
        ((400, "BadExpirationDate"), {"apns_expiration": "300"}),
        ((400, "BadCollapseId"), {"apns_collapse_id": "x" * 65}),
        ((413, "PayloadTooLarge"), {"payload": PAYLOAD + " " * 4096}),
        ((400, "PayloadEmpty"), {"payload": "{}"}),
        ((400, "BadDeviceToken"), {"device": "no-hexadecimal-bytes"}),
    ],
)
def test_invalid_push_is_rejected(apple, rejection, changes):
    assert push(apple) == (200, None)
    assert push(apple, **changes) == rejection


@pytest.mark.parametrize("seconds", [-3601, 60])
def test_provider_token_with_old_or_future_time_has_expired(apple, seconds):
    token = bearer(apple, iat=int(time.time()) + seconds)
    assert push(apple, authorization=token) == (403, "ExpiredProviderToken")


def test_provider_token_of_another_team_is_rejected(apple):
    assert push(apple, authorization=bearer(apple, iss="OTHERTEAM1")) == (403, "InvalidProviderToken")


def test_push_after_goaway_is_processed_once_on_another_connection(apple):
    apple.script["b2"] = [apns.GOAWAY]
    assert push(apple, device="b2") == (200, None)
    first, second = apple.wait("b2", 2, None, 5)
    assert (first["status"], second["status"]) == (None, 200)
    assert first["connection"] != second["connection"]


def test_stop_during_a_delayed_push_leaves_no_threads():
    before = threading.active_count()
    with apns.Apns() as apple:
        apple.script["c3"] = [{"delay": 60}]
        results = []
        thread = threading.Thread(target=lambda: results.append(push(apple, device="c3")))
        thread.start()
        assert apple.wait("c3", 1, None, 5)
    thread.join(10)
    assert results == [(200, None)]
    assert threading.active_count() == before
