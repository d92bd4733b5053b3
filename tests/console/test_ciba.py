"""The CIBA settings on the page of an API client, and the page of the signing keys."""

import base64
import html
import json
import shlex

import pytest

from apps.applications.models import ApiClient
from apps.ciba.models import CibaClient, SigningKey
from apps.events.models import Event
from tests import factories
from tests.callbacks.conftest import sink  # noqa: F401 - a fixture
from tests.console.conftest import errors
from tests.console.test_clients import COMMAND
from tests.console.test_roles import sign_in_as
from tests.console.test_same_warnings import check_warnings, start_warnings, titles
from tests.fakes import key_set

ADD = "/admin/applications/apiclient/add/"
KEYS = "/admin/ciba/signingkey/"
ENDPOINT = "https://agent.example.com/ciba"


@pytest.fixture
def login(db):
    return factories.TypeFactory(name="login")


@pytest.fixture
def fields(login):
    """Fields of a new client that polls."""
    return {
        "name": "Agent",
        "client_id": "agent",
        "apis": ["ciba"],
        "ip_allow_list": "",
        "ciba_delivery_mode": "poll",
        "ciba_authentication_methods": ["client_secret_basic"],
        "ciba_types": [login.pk],
        "ciba_default_type": login.pk,
        "ciba_authorization_details_types": "payment",
    }


def test_client_with_its_settings_is_created_and_changed(console, fields, login):
    keys = json.dumps(key_set.public(key_set.key("one")))
    changes = {"ciba_authentication_methods": ["private_key_jwt"], "ciba_jwks": keys}
    assert console.post(ADD, {**fields, **changes}).status_code == 200
    row = CibaClient.objects.get(client__client_id="agent")
    assert (row.delivery_mode, row.default_type, list(row.types.all())) == ("poll", login, [login])
    assert (row.jwks, row.authorization_details_types) == (json.loads(keys), ["payment"])
    created = Event.objects.get(event_type="ADMIN_CONFIGURATION_CREATED", details__model="ciba.CibaClient")
    assert created.details["changes"]["types"] == [None, ["login"]]

    path = f"/admin/applications/apiclient/{row.client_id}/change/"
    page = console.get(path).content.decode()
    assert "http://localhost:8000/.well-known/openid-configuration" in page
    assert console.save(path, ciba_delivery_mode="ping", ciba_notification_endpoint=ENDPOINT).status_code == 302
    assert CibaClient.objects.get().notification_endpoint == ENDPOINT
    changed = Event.objects.filter(event_type="ADMIN_CONFIGURATION_UPDATED").latest("occurred")
    assert set(changed.details["changes"]) == {"delivery_mode", "notification_endpoint"}
    # The page hides the endpoint of a client that polls.
    assert console.save(path, ciba_delivery_mode="poll").status_code == 302
    assert CibaClient.objects.get().notification_endpoint == ""


def test_command_of_new_secret_asks_for_tokens(console, client, fields, settings):
    settings.PUBLIC_URL = "https://auth.example.com"
    page = html.unescape(console.post(ADD, fields).content.decode())
    *_curl, credentials, _d, grant_type, _d, auth_req_id, url = shlex.split(COMMAND.search(page)[1])
    pair = base64.b64encode(credentials.encode()).decode()
    response = client.post(
        url.removeprefix("https://auth.example.com"),
        f"{grant_type}&{auth_req_id}",
        "application/x-www-form-urlencoded",
        headers={"Authorization": f"Basic {pair}"},
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert "“invalid_grant” shows that the secret is right" in page


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"ciba_delivery_mode": "ping"}, "ciba_notification_endpoint", "Required for ping and push."),
        ({"ciba_delivery_mode": "fax"}, "ciba_delivery_mode", "not one of the available choices"),
        ({"ciba_authentication_methods": []}, "ciba_authentication_methods", "cannot be blank"),
        ({"ciba_authentication_methods": ["private_key_jwt"]}, "ciba_jwks", "needs its public keys"),
        ({"ciba_jwks": "x"}, "ciba_jwks", "not valid JSON"),
        ({"ciba_jwks": '{"keys": [{"kty": "oct", "k": "x"}]}'}, "ciba_jwks", "contains a private key"),
        ({"ciba_jwks_uri": "agent.example.com"}, "ciba_jwks_uri", "Enter an absolute URL"),
        ({"ciba_types": [], "ciba_default_type": ""}, "ciba_types", "Choose at least one type"),
    ],
)
def test_invalid_settings_are_explained(console, fields, changes, field, text):
    found = errors(console.post(ADD, {**fields, **changes}))
    assert text in str(found[field])
    assert not ApiClient.objects.filter(client_id="agent").exists()


def test_operator_reads_the_settings(console, fields):
    console.post(ADD, fields)
    client = ApiClient.objects.get(client_id="agent")
    page = sign_in_as("operator").get(f"/admin/applications/apiclient/{client.pk}/change/").content.decode()
    assert "Delivery mode: Poll" in page
    assert "Mobile authentication types: login" in page
    assert "ciba_delivery_mode" not in page


def test_client_of_other_apis_needs_no_settings(console, fields):
    assert console.post(ADD, {**fields, "apis": ["events"], "ciba_delivery_mode": "ping"}).status_code == 200
    assert not CibaClient.objects.exists()


def test_only_types_that_the_user_approves_on_the_device_are_offered(console, fields):
    factories.TypeFactory(name="text", method="sms")
    factories.TypeFactory(name="terminal", code_to_phone=True)
    form = console.get(ADD).context["adminform"].form
    assert [str(row) for row in form.fields["ciba_types"].queryset] == ["login"]


def test_test_notification_shows_the_response(console, fields, sink):  # noqa: F811 - a fixture
    mode = {"ciba_delivery_mode": "push", "ciba_notification_endpoint": f"{sink.url}/ciba"}
    console.post(ADD, {**fields, **mode})
    path = f"/admin/applications/apiclient/{ApiClient.objects.get(client_id='agent').pk}/send-test-notification/"
    # A reset on a connection in use is repeated once.
    sink.script["/ciba"] = [{"status": 401}, {"status": 500}, *[{"reset": True}] * 2]
    pages = [console.post(path, follow=True).content.decode() for _number in range(3)]
    assert "with HTTP 401." in pages[0]
    assert "Notifications would fail." in pages[1]
    assert "failed. Reason:" in pages[2]
    body = json.loads(sink.received[0]["body"])
    assert (body["error"], body["auth_req_id"][:5]) == ("transaction_failed", "test-")


def test_next_signing_key_is_created_once(console, fields):
    console.post(ADD, fields)
    console.get("/oauth/jwks")
    page = console.get(KEYS).content.decode()
    assert "active" in page
    for _number in range(2):
        page = console.post(f"{KEYS}new-key/", follow=True).content.decode()
        assert "published, not active yet" in page
    assert SigningKey.objects.count() == 2
    for key in SigningKey.objects.all():
        private = json.loads(key.private_key)["d"]
        page = console.get(f"{KEYS}{key.pk}/change/").content.decode()
        assert key.public_key["x"] in page
        assert private not in page
        assert "&#x27;" not in page
        assert str(SigningKey.objects.values_list("private_key").get(pk=key.pk)[0])[:40] not in page


def test_problems_are_the_same_on_every_page(console, fields, login, settings):
    settings.BROKER_URL, settings.SMS_GATEWAY = "", "memory"
    console.post(ADD, fields)
    assert titles(start_warnings(console)) == set()
    login.method = "sms"
    login.default_messages = {"en": "{code}"}
    login.save()
    factories.ApiClientFactory(name="Bare", client_id="bare", apis=["ciba"])
    expected = {"“Agent” has no usable type", "“Bare” has no settings for CIBA"}
    assert titles(start_warnings(console)) == titles(check_warnings(console)) == expected
    path = f"/admin/applications/apiclient/{ApiClient.objects.get(client_id='agent').pk}/change/"
    assert "“Agent” has no usable type" in console.get(path).content.decode()


def test_check_fetches_the_keys_of_clients(console, fields):
    with key_set.KeySetServer(key_set.key("one")) as server:
        console.post(ADD, {**fields, "ciba_jwks_uri": server.url})
        lines = console.post("/admin/check-configuration/").context["lines"]
        assert "Usable keys at their URL: 1." in [line["finding"].text for line in lines]
        server.keys = []
        assert any(title.startswith("Keys of the API client “Agent”") for title in titles(check_warnings(console)))
