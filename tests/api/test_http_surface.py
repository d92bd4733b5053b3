"""What is true of every address: content types, cache headers, unknown paths, wrong methods."""

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
def test_a_form_with_any_parameters_is_taken(portal, content_type):
    answer = post_form(portal.client, INITIATE, {"type": "x"}, content_type, Authorization=portal.authorization)
    assert error_of(answer) == (404, "3005")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/form-data; boundary=x", "nonsense", "a/b/c"]
)
def test_any_other_content_type_is_told_as_415(portal, content_type):
    answer = post_form(portal.client, INITIATE, {"type": "x"}, content_type, Authorization=portal.authorization)
    assert error_of(answer) == (415, "unsupported_media_type")


def test_wrong_credentials_are_told_before_a_wrong_content_type(client, db):
    assert error_of(post_form(client, INITIATE, {"type": "x"}, "text/plain")) == (401, "invalid_client")


def test_the_device_api_takes_json_only(client, db):
    assert error_of(post_form(client, ENROLLMENTS, {"enrollment_code": "x"})) == (415, "unsupported_media_type")


@pytest.mark.parametrize("field", ["type", "user_id", "device_id", "callback_uri", "message", "unknown"])
def test_a_repeated_field_is_refused_before_anything_else_in_it(portal, field):
    answer = portal.post(INITIATE, [("type", "no such type"), (field, "a"), (field, "a")])
    assert error_of(answer) == (400, "1003")
    assert field in answer.json()["description"]


def test_nobody_may_keep_a_success(portal, device, mobile_type):
    started = portal.start(mobile_type, device)
    for answer in (started, portal.result(started.json()["transaction_id"])):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].replace(" ", "") == "application/json;charset=UTF-8"
        assert_not_cacheable(answer)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_method_is_told_as_405_in_json(client, db, path, method):
    answer = client.generic(method, path)
    if method in PATHS[path]:
        assert answer.status_code in {400, 401, 415}
    elif method == "HEAD":
        assert (answer.status_code, answer.content) == (405, b"")
    else:
        assert error_of(answer) == (405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == PATHS[path]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/oauth/api/schema/", "/oauth/api/docs/"])
@pytest.mark.parametrize("method", METHODS)
def test_probe_or_description_allows_get_and_head_alone(db, path, method):
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    if method in ("GET", "HEAD"):
        assert answer.status_code == 200
    else:
        assert error_of(answer) == (405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", [*PATHS, "/healthz", "/oauth/api/schema/", "/oauth/api/docs/", "/oauth", "/device/x"])
def test_query_with_more_than_500_fields_is_a_bad_request(client, db, path):
    method = min(PATHS.get(path, {"GET"}) - {"HEAD"})
    answer = client.generic(method, f"{path}?{'a=1&' * 501}")
    assert answer.status_code == 400
    if path != "/healthz":
        assert error_of(answer) == (400, "invalid_request")


def test_head_answers_as_get_does_without_a_body(portal, started):
    answer = portal.client.head(result_path(started), headers={"Authorization": portal.authorization})
    assert (answer.status_code, answer.content) == (200, b"")


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
def test_an_unknown_path_is_told_as_404_in_json(client, db, path, method):
    assert error_of(client.generic(method, path))[0] == 404
    assert client.generic(method, path).json()["error"] == "not_found"


def test_a_body_that_is_too_large_is_refused(portal, client):
    answer = portal.post(INITIATE, {"message": "x" * 300_000})
    assert error_of(answer) == (413, "request_too_large")
    answer = client.post(ENROLLMENTS, "x" * 300_000, content_type="application/json")
    assert error_of(answer)[0] == 413
