"""HTTP behaviour of all paths: content types, cache headers, unknown paths, unsupported methods."""

import pytest
from django.test import Client

from tests.api.calls import CODES, ENROLLMENTS, INITIATE, assert_not_cacheable, error_of, post_form, result_path

FORMS = ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8"]
PATHS = {
    INITIATE: {"POST"},
    result_path("5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11"): {"GET", "HEAD", "DELETE"},
    result_path("5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11") + "/resend": {"POST"},
    f"{INITIATE}/anna/enabled": {"GET", "HEAD"},
    f"{INITIATE}/anna/device/x/enabled": {"GET", "HEAD"},
    f"{INITIATE}/anna/sms": {"POST"},
    f"{INITIATE}/anna/sms/resend": {"POST"},
    "/oauth/api/v2/authenticate/user/anna/enabled/types": {"GET", "HEAD"},
    "/oauth/api/v3/authenticate/user/anna/application/shop/enabled": {"GET", "HEAD"},
    "/oauth/api/v1/events": {"GET", "HEAD"},
    CODES.format(user_id="anna"): {"POST"},
    ENROLLMENTS: {"GET", "HEAD", "POST"},
    f"{ENROLLMENTS}/ABC123": {"DELETE"},
    f"{ENROLLMENTS}/ABC123/push": {"PUT"},
    "/device/v1/otp": {"POST"},
    "/device/v1/transactions": {"GET", "HEAD"},
    "/device/v1/transactions/x/fetch": {"POST"},
    "/device/v1/transactions/x/answer": {"POST"},
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.mark.parametrize(
    "content_type",
    [*FORMS, "Application/X-WWW-Form-Urlencoded; Charset=utf-8", "application/x-www-form-urlencoded ;x=y"],
)
def test_form_content_type_with_parameters_is_accepted(portal, content_type):
    response = post_form(portal.client, INITIATE, {"type": "x"}, content_type, Authorization=portal.authorization)
    assert error_of(response) == (404, "3005")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/form-data; boundary=x", "nonsense", "a/b/c"]
)
def test_other_content_types_get_415(portal, content_type):
    response = post_form(portal.client, INITIATE, {"type": "x"}, content_type, Authorization=portal.authorization)
    assert error_of(response) == (415, "unsupported_media_type")


def test_credentials_are_checked_before_the_content_type(client, db):
    assert error_of(post_form(client, INITIATE, {"type": "x"}, "text/plain")) == (401, "invalid_client")


def test_device_api_accepts_only_json(client, db):
    assert error_of(post_form(client, ENROLLMENTS, {"enrollment_code": "x"})) == (415, "unsupported_media_type")


@pytest.mark.parametrize("field", ["type", "user_id", "device_id", "callback_uri", "message", "unknown"])
def test_repeated_field_is_reported_first(portal, field):
    response = portal.post(INITIATE, [("type", "no such type"), (field, "a"), (field, "a")])
    assert error_of(response) == (400, "1003")
    assert field in response.json()["description"]


def test_success_response_is_not_cacheable(portal, device, mobile_type):
    started = portal.start(mobile_type, device)
    for response in (started, portal.result(started.json()["transaction_id"])):
        assert response.status_code == 200
        assert response.headers["Content-Type"].replace(" ", "") == "application/json;charset=UTF-8"
        assert_not_cacheable(response)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_unsupported_method_gets_405_as_json(client, db, path, method):
    response = client.generic(method, path)
    if method in PATHS[path]:
        assert response.status_code in {400, 401, 415}
    elif method == "HEAD":
        assert (response.status_code, response.content) == (405, b"")
    else:
        assert error_of(response) == (405, "method_not_allowed")
        assert set(response.headers["Allow"].split(", ")) == PATHS[path]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/oauth/api/schema/", "/oauth/api/docs/"])
@pytest.mark.parametrize("method", METHODS)
def test_probe_and_description_allow_only_get_and_head(db, path, method):
    response = Client(enforce_csrf_checks=True).generic(method, path)
    if method in ("GET", "HEAD"):
        assert response.status_code == 200
    else:
        assert error_of(response) == (405, "method_not_allowed")
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", [*PATHS, "/healthz", "/oauth/api/schema/", "/oauth/api/docs/", "/oauth", "/device/x"])
def test_query_with_more_than_500_fields_is_a_bad_request(client, db, path):
    method = min(PATHS.get(path, {"GET"}) - {"HEAD"})
    response = client.generic(method, f"{path}?{'a=1&' * 501}")
    assert response.status_code == 400
    if path != "/healthz":
        assert error_of(response) == (400, "invalid_request")


def test_head_returns_the_headers_of_get(portal, started):
    response = portal.client.head(result_path(started), headers={"Authorization": portal.authorization})
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/oauth",
        "/oauth/",
        "/oauth/api/v4",
        "/oauth/api/v4/authenticate/user/",
        "/oauth/api/v4/authenticate/transaction/",
        "/oauth/api/v5/authenticate/user",
        "/oauth/api/v4/users//enrollment-codes",
        "/device",
        "/device/v1/",
        "/device/v2/transactions",
        "/device/v1/enrollments/%00/x",
        "/device/v1/%ff%fe",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_unknown_path_gets_404_as_json(client, db, path, method):
    assert error_of(client.generic(method, path))[0] == 404
    assert client.generic(method, path).json()["error"] == "not_found"


def test_body_that_is_too_large_is_rejected(portal, client):
    response = portal.post(INITIATE, {"message": "x" * 300_000})
    assert error_of(response) == (413, "request_too_large")
    response = client.post(ENROLLMENTS, "x" * 300_000, content_type="application/json")
    assert error_of(response)[0] == 413
