"""No request body causes an error of the server (property-based tests)."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.calls import CODES, ENROLLMENTS, FORM, INITIATE, answer_path, fetch_path, push_path

any_text = st.text(st.characters(), max_size=40)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | any_text
any_json = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=8)

DEVICE_MEMBERS = [
    "enrollment_code",
    "public_key",
    "application_id",
    "platform",
    "app_version",
    "device_name",
    "device_model",
    "os_version",
    "push_token",
    "profile_id",
    "message",
]
PORTAL_FIELDS = [
    "type",
    "user_id",
    "device_id",
    "callback_uri",
    "message",
    "secure_message",
    "signing_data",
    "language_code",
    "ip_address",
    "user_agent",
    "application_id",
    "client_id",
    "client_secret",
]
bounded = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def device_endpoints(device, started):
    return [
        ("POST", ENROLLMENTS, ""),
        ("PUT", push_path(device.profile_id), device.device_token),
        ("POST", fetch_path(started), device.device_token),
        ("POST", answer_path(started), device.device_token),
    ]


@bounded
@given(body=any_json | st.dictionaries(st.sampled_from(DEVICE_MEMBERS), any_json))
def test_device_api_responds_to_any_json(client, device_endpoints, body):
    for method, path, token in device_endpoints:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = client.generic(method, path, json.dumps(body), content_type="application/json", headers=headers)
        assert response.status_code < 500, (path, body)
        assert response.status_code >= 400 or response.status_code == 204
        response.content.decode()


@bounded
@given(body=st.binary(max_size=200), content_type=st.sampled_from(["application/json", FORM, "text/plain", ""]))
def test_every_endpoint_responds_to_any_bytes(client, portal, device_endpoints, body, content_type):
    headers = {"Authorization": portal.authorization}
    for path in (INITIATE, CODES.format(user_id="anna")):
        response = client.generic("POST", path, body, content_type=content_type, headers=headers)
        assert 400 <= response.status_code < 500, path
    for method, path, token in device_endpoints:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = client.generic(method, path, body, content_type=content_type, headers=headers)
        assert 400 <= response.status_code < 500, path


@bounded
@given(fields=st.dictionaries(st.sampled_from(PORTAL_FIELDS), st.text(max_size=60)), known=st.booleans())
def test_portal_and_user_api_respond_to_any_form(client, portal, mobile_type, device, fields, known):
    if known:
        fields = {"type": mobile_type.name, "user_id": "anna", "device_id": device.device_id, **fields}
    body = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()})
    for path in (INITIATE, CODES.format(user_id="anna")):
        for headers in ({"Authorization": portal.authorization}, {}):
            response = client.generic("POST", path, body, content_type=FORM, headers=headers)
            assert response.status_code < 500, (path, fields)


@bounded
@given(authorization=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
def test_endpoints_respond_to_any_authorization_header(client, device_endpoints, authorization):
    for scheme in ("", "Basic ", "Bearer "):
        headers = {"Authorization": scheme + authorization}
        for method, path, _token in [("POST", INITIATE, ""), *device_endpoints]:
            response = client.generic(method, path, "{}", content_type="application/json", headers=headers)
            assert 400 <= response.status_code < 500


@bounded
@given(part=st.text(max_size=20))
def test_endpoints_respond_to_any_id_in_a_path(client, portal, device, part):
    token = {"Authorization": f"Bearer {device.device_token}"}
    basic = {"Authorization": portal.authorization}
    quoted = part.encode("utf-8", "surrogatepass").hex(" ").replace(" ", "%")
    part = f"%{quoted}" if quoted else "x"
    for method, path, headers in (
        ("GET", f"/oauth/api/v4/authenticate/transaction/{part}", basic),
        ("POST", CODES.format(user_id=part), basic),
        ("DELETE", f"{ENROLLMENTS}/{part}", token),
        ("PUT", push_path(part), token),
        ("POST", fetch_path(part), token),
        ("POST", answer_path(part), token),
    ):
        response = client.generic(method, path, "{}", content_type="application/json", headers=headers)
        assert 400 <= response.status_code < 500, path
