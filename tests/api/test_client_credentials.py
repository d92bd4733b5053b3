"""Authentication of API clients: Basic or form credentials, two active secrets, and APIs."""

import base64
from urllib.parse import quote, quote_plus

import pytest

from apps.applications.models import SECRET_PURPOSE
from apps.common import codes
from tests import factories
from tests.api.calls import CODES, INITIATE, error_of, post_form, result_path

UNKNOWN = result_path("5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11")
ODD_SECRET = "a+b%20c:d é&=/"


def basic(client_id, secret, scheme="Basic"):
    return f"{scheme} " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


@pytest.fixture
def odd_client(db):
    """A client whose secret changes when it is form-urlencoded."""
    return factories.ApiClientFactory(secret_hashes=[codes.keyed_hash(ODD_SECRET, SECRET_PURPOSE)])


def get(client, authorization=None):
    return client.get(UNKNOWN, headers={"Authorization": authorization} if authorization else {})


def test_raw_basic_credentials_are_accepted(client, odd_client):
    assert error_of(get(client, basic(odd_client.client_id, ODD_SECRET))) == (404, "3004")


def test_form_urlencoded_basic_credentials_are_accepted(client, odd_client):
    encoded = basic(quote_plus(odd_client.client_id), quote_plus(ODD_SECRET))
    assert error_of(get(client, encoded)) == (404, "3004")


@pytest.mark.parametrize("scheme", ["basic", "BASIC"])
def test_scheme_is_case_insensitive(client, odd_client, scheme):
    assert error_of(get(client, basic(odd_client.client_id, ODD_SECRET, scheme))) == (404, "3004")


VISIBLE = "".join(map(chr, range(0x20, 0x7F)))


def test_id_and_secret_of_all_visible_characters_are_accepted(client, db):
    row = factories.ApiClientFactory(client_id=VISIBLE, secret_hashes=[codes.keyed_hash(VISIBLE, SECRET_PURPOSE)])
    fields = {"client_id": VISIBLE, "client_secret": VISIBLE, "type": "none"}
    assert error_of(post_form(client, INITIATE, fields)) == (404, "3005")
    for encode in (quote, quote_plus):
        encoded = basic(encode(VISIBLE, safe=""), encode(VISIBLE, safe=""))
        assert error_of(get(client, encoded)) == (404, "3004")
    without_colon = VISIBLE.replace(":", "")
    type(row).objects.update(client_id=without_colon)
    assert error_of(get(client, basic(without_colon, VISIBLE))) == (404, "3004")


def test_form_credentials_are_accepted(client, odd_client):
    fields = {"client_id": odd_client.client_id, "client_secret": ODD_SECRET, "type": "none"}
    assert error_of(post_form(client, INITIATE, fields)) == (404, "3005")


def test_form_credentials_are_ignored_with_basic(client, odd_client):
    wrong_form = {"client_id": odd_client.client_id, "client_secret": "wrong", "type": "none"}
    right = basic(odd_client.client_id, ODD_SECRET)
    assert error_of(post_form(client, INITIATE, wrong_form, Authorization=right)) == (404, "3005")


def test_correct_form_credentials_do_not_replace_wrong_basic_ones(client, odd_client):
    right_form = {"client_id": odd_client.client_id, "client_secret": ODD_SECRET, "type": "none"}
    wrong = basic(odd_client.client_id, "wrong")
    assert error_of(post_form(client, INITIATE, right_form, Authorization=wrong)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"portal\0:x").decode(),
        "Basic " + base64.b64encode(b"portal%00:x").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"x" * 5000 + b":" + b"y" * 5000).decode(),
        "Bearer abc",
        "Digest username=portal",
        basic("portal", ""),
        basic("unknown", factories.CLIENT_SECRET),
        basic("portal", factories.CLIENT_SECRET + "x"),
        basic("Portal", factories.CLIENT_SECRET),
    ],
)
def test_missing_or_wrong_credentials_are_invalid_client(client, db, authorization):
    factories.ApiClientFactory(client_id="portal")
    response = get(client, authorization)
    assert error_of(response) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith('Basic realm="')


def test_client_without_a_secret_cannot_authenticate(client, db):
    idle = factories.ApiClientFactory(secret_hashes=[])
    assert error_of(get(client, basic(idle.client_id, ""))) == (401, "invalid_client")


def test_failed_authentication_records_an_event_without_the_secret(client, db, event_types):
    get(client, basic("unknown", "do-not-store-me"))
    assert event_types() == ["API_AUTHENTICATION_FAILED"]
    assert "do-not-store-me" not in str(list(factories.ApiClientFactory._meta.model.objects.values()))


def test_third_secret_replaces_the_first(client, db):
    row = factories.ApiClientFactory(secret_hashes=[])
    secrets = []
    for _ in range(3):
        secrets.append(row.add_secret())
        row.save()
    first, second, third = (get(client, basic(row.client_id, secret)).status_code for secret in secrets)
    assert (first, second, third) == (401, 404, 404)


@pytest.mark.parametrize("apis", [[], ["end_user"]])
def test_client_without_the_api_is_unauthorized(client, db, apis):
    row = factories.ApiClientFactory(apis=apis)
    authorization = basic(row.client_id, factories.CLIENT_SECRET)
    assert error_of(get(client, authorization)) == (400, "unauthorized_client")


def test_user_api_has_the_same_rules(client, db):
    path = CODES.format(user_id="anna")
    row = factories.ApiClientFactory(apis=["mobile_authentication"])
    assert error_of(post_form(client, path, {"application_id": "x"})) == (401, "invalid_client")
    authorization = basic(row.client_id, factories.CLIENT_SECRET)
    response = post_form(client, path, {"application_id": "x"}, Authorization=authorization)
    assert error_of(response) == (400, "unauthorized_client")


def test_user_api_accepts_form_credentials(client, version):
    row = factories.ApiClientFactory()
    fields = {
        "client_id": row.client_id,
        "client_secret": factories.CLIENT_SECRET,
        "application_id": version.application.identifier,
    }
    assert post_form(client, CODES.format(user_id="anna"), fields).status_code == 201
