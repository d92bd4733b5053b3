"""Secrets are not readable in the database, the log or the events after enrolments, pushes and callbacks."""

import base64
import json

import pytest

from apps.callbacks import delivery as callbacks
from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import ServerKey
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.transactions.methods.push import delivery as pushes
from apps.transactions.models import PushDelivery
from tests import factories
from tests.api.calls import INITIATE, answer_path, post_form, send_json
from tests.conftest import Portal
from tests.fakes.fcm import INVALID_GRANT, UNAVAILABLE, Fcm
from tests.fakes.portal import Portal as PortalSink
from tests.security.secret_search import all_places, assert_hidden, deliver_all

pytestmark = pytest.mark.django_db(transaction=True)
PUBLIC_MESSAGE = "a public message that may be found"
SECURE_MESSAGE = "pay 4711 euros to DE89370400440532013000"
PUSH_TOKEN = "push-token-7f3a9c51d2"
CALLBACK_PASSWORD = "callback-password-93b1c7"


@pytest.fixture
def google():
    with Fcm() as fake:
        yield fake


@pytest.fixture
def sink():
    with PortalSink() as fake:
        yield fake


@pytest.fixture
def version(google):
    description = google.describe()
    configuration = factories.PushMessagingConfigurationFactory(
        service_account=json.dumps(description["service_account"]), endpoint=description["endpoint"]
    )
    return factories.ApplicationVersionFactory(push_messaging_configuration=configuration)


@pytest.mark.usefixtures("each_kind")
def test_secrets_are_never_stored_readably(client, mobile_type, version, enroll, google, sink, caplog, capfd):
    caplog.set_level(0)
    row = factories.ApiClientFactory()
    client_secret = row.add_secret()
    row.save()
    portal = Portal(client, row, client_secret)
    callback_uri = sink.url + "/callback"
    factories.CallbackEndpointFactory(url=callback_uri, username="portal", password=CALLBACK_PASSWORD)

    created = portal.post(
        "/oauth/api/v4/users/bert/enrollment-codes", {"application_id": version.application.identifier}
    )
    device = enroll("anna", push_token=PUSH_TOKEN)
    fields = {"message": PUBLIC_MESSAGE, "secure_message": SECURE_MESSAGE, "callback_uri": callback_uri}
    google.script = {PUSH_TOKEN: [UNAVAILABLE]}
    challenges = []
    for _ in range(3):
        started = portal.start(mobile_type, device, **fields).json()["transaction_id"]
        deliver_all(PushDelivery, pushes.deliver)
        challenges.append(device.fetch(started))
    device.answer(challenges[0], approve=True)
    device.answer(challenges[1], approve=False)
    deliver_all(CallbackDelivery, callbacks.deliver)
    for challenge in challenges:
        portal.result(challenge["transaction_id"])
    send_invalid_requests(client, portal, mobile_type, device, version, challenges[2])
    push_with_rejected_credential(google, portal, mobile_type, device, fields)

    authorization_headers = [request["headers"].get("authorization", "") for request in sink.received]
    assert len(authorization_headers) == 2
    assert all(
        base64.b64decode(header.removeprefix("Basic ")).decode() == f"portal:{CALLBACK_PASSWORD}"
        for header in authorization_headers
    )
    account = google.fcm.account
    secrets = {
        "secure message": SECURE_MESSAGE,
        "push token": PUSH_TOKEN,
        "client secret": client_secret,
        "device token": device.device_token,
        "enrolment code": created.json()["enrollment_code"],
        "callback password": CALLBACK_PASSWORD,
        "service account": account["private_key"].splitlines()[5],
        "server key": private_part(ServerKey.objects.get().secret_key),
        "device key": private_part(device.secret_key),
        **{f"challenge {number}": challenge["token"] for number, challenge in enumerate(challenges)},
        **{f"access token {number}": token for number, token in enumerate(google.fcm.access_tokens)},
    }
    places = all_places("".join(capfd.readouterr()) + caplog.text)
    assert PUBLIC_MESSAGE in places["database"]
    assert started in places["log"]
    assert_hidden(secrets, places)


def private_part(secret_key):
    """Return a text of a secret key that its public half does not contain."""
    return json.loads(secret_key)["keys"][0]["d"] if secret_key.startswith("{") else secret_key.splitlines()[5]


def send_invalid_requests(client, portal, mobile_type, device, version, challenge):
    """Send invalid requests that contain secrets."""
    transaction_id = challenge["transaction_id"]
    post_form(client, INITIATE, {"client_id": portal.api_client.client_id, "client_secret": "x" + portal.secret})
    post_form(client, INITIATE, {}, Authorization=portal.authorization + "x")
    portal.start(mobile_type, device, secure_message=SECURE_MESSAGE * 200)
    portal.start(mobile_type, device, secure_message=SECURE_MESSAGE, ip_address="x")
    for content in (
        {"transaction_id": transaction_id, "token": "x" + challenge["token"], "authenticated": True},
        {"transaction_id": transaction_id, "token": challenge["token"], "authenticated": "yes"},
    ):
        body = {"message": device.seal(content)}
        assert send_json(client, answer_path(transaction_id), body, token=device.device_token).status_code == 400
    is_jose = device.secret_key.startswith("{")
    keys = {"public_keys": json.loads(device.secret_key)} if is_jose else {"public_key": device.secret_key}
    body = {"enrollment_code": "x", **keys, "application_id": version.application.identifier}
    send_json(client, "/device/v1/enrollments", body, token=device.device_token)


def push_with_rejected_credential(google, portal, mobile_type, device, fields):
    """Push with a service account that Google rejects."""
    PushMessagingConfiguration.objects.get().save()
    google.script = {"/token": [INVALID_GRANT]}
    portal.start(mobile_type, device, **fields)
    deliver_all(PushDelivery, pushes.deliver)
    assert "invalid_grant" in str(list(Event.objects.values_list("details", flat=True)))
