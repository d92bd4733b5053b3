"""Authentication, permissions and methods of the user API."""

import pytest

from apps.enrollment.models import Device
from tests import factories
from tests.api.calls import FORM, error_of, post_form, send_json
from tests.conftest import Portal

# Method, rest of the path after the user id, body.
CALLS = [
    ("GET", "", ""),
    ("DELETE", "", ""),
    ("POST", "", {"delete": []}),
    ("DELETE", "/{device}", ""),
    ("POST", "/{device}/disableFingerprint", ""),
    ("POST", "/{device}/disableMobileAuthentication", ""),
    ("POST", "/{device}/disablePushAuthentication", ""),
]
every_call = pytest.mark.parametrize(("method", "rest", "body"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])


@pytest.fixture
def call(any_api, device):
    def run(method, rest, body, **headers):
        path = any_api.path(rest=rest.format(device=device.device_id))
        return send_json(any_api.portal.client, path, body, method=method, **headers)

    return run


@every_call
def test_invalid_clients_are_rejected(call, client, method, rest, body):
    rejected = call(method, rest, body)
    assert error_of(rejected) == (401, "invalid_client")
    assert rejected.headers["WWW-Authenticate"].startswith('Basic realm="')
    only_portal = Portal(client, factories.ApiClientFactory(apis=["mobile_authentication", "events"]))
    assert error_of(call(method, rest, body, Authorization=only_portal.authorization)) == (400, "unauthorized_client")
    elsewhere = Portal(client, factories.ApiClientFactory(ip_allow_list=["192.0.2.0/24"]))
    assert error_of(call(method, rest, body, Authorization=elsewhere.authorization)) == (403, "access_denied")
    assert Device.objects.filter(profiles__push_enrollment__isnull=False).exists()


@every_call
def test_end_user_api_permission_is_sufficient(call, client, method, rest, body):
    portal = Portal(client, factories.ApiClientFactory(apis=["end_user"]))
    response = call(method, rest, body, Authorization=portal.authorization)
    assert response.status_code == (200 if method == "GET" else 204)


@every_call
def test_user_api_is_available_without_mobile_authentication(call, any_api, feature_off, method, rest, body):
    response = call(method, rest, body, Authorization=any_api.portal.authorization)
    assert response.status_code == (200 if method == "GET" else 204)


@pytest.mark.parametrize(
    ("method", "rest"),
    [("PUT", ""), ("GET", "/{device}"), ("POST", "/{device}"), ("GET", "/{device}/disableFingerprint"), ("PATCH", "")],
)
def test_wrong_method_returns_a_json_error(call, any_api, method, rest):
    response = call(method, rest, "", Authorization=any_api.portal.authorization)
    assert error_of(response) == (405, "method_not_allowed")


@pytest.mark.parametrize("rest", ["/", "/{device}/", "/{device}/disable", "/{device}/disablefingerprint", "/a/b/c"])
def test_unknown_path_returns_a_json_error(call, any_api, rest):
    response = call("POST", rest, "", Authorization=any_api.portal.authorization)
    assert error_of(response) == (404, "not_found")


@pytest.mark.parametrize("version", [1, 2, 5])
def test_other_versions_do_not_exist(portal, version):
    response = portal.get(f"/oauth/api/v{version}/users/anna/devices")
    assert error_of(response) == (404, "not_found")


def test_both_versions_create_enrollment_codes(any_api, version):
    path = any_api.path().replace("devices", "enrollment-codes")
    response = any_api.send("POST", path, {"application_id": version.application.identifier})
    assert response.status_code == 201


def test_credentials_in_a_form_are_accepted_without_a_json_body(client, any_api, device):
    fields = {"client_id": any_api.portal.api_client.client_id, "client_secret": any_api.portal.secret}
    path = any_api.path(rest=f"/{device.device_id}/disablePushAuthentication")
    assert post_form(client, path, fields).status_code == 204
    assert error_of(post_form(client, path, fields | {"client_secret": "x"})) == (401, "invalid_client")
    assert error_of(post_form(client, any_api.path(), fields)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", [FORM, "text/plain", "multipart/form-data; boundary=x"])
def test_device_list_must_be_json(portal, any_api, device, content_type):
    response = post_form(portal.client, any_api.path(), b"delete=x", content_type, Authorization=portal.authorization)
    assert error_of(response) == (415, "unsupported_media_type")
    assert Device.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "",
        "null",
        "{",
        {"delete": None},
        {"delete": "x"},
        {"delete": {"a": 1}},
        {"delete": [1]},
        {"delete": [None]},
        {"delete": [["x"]]},
        {"delete": ["a\0b"]},
        {"delete": ["\ud800"]},
        '{"delete": [], "delete": []}',
    ],
    ids=str,
)
def test_malformed_device_list_is_rejected(any_api, device, body):
    response = any_api.send("POST", any_api.path(), body)
    assert error_of(response) == (400, "invalid_request")
    assert Device.objects.exists()
