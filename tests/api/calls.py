"""Paths of the APIs and helpers of their tests."""

import json
from urllib.parse import urlencode

INITIATE = "/oauth/api/v4/authenticate/user"
CODES = "/oauth/api/v4/users/{user_id}/enrollment-codes"
ENROLLMENTS = "/device/v1/enrollments"
FORM = "application/x-www-form-urlencoded"
CALLBACK = "http://127.0.0.1:9/callback"


def result_path(transaction_id):
    return f"/oauth/api/v4/authenticate/transaction/{transaction_id}"


def fetch_path(transaction_id):
    return f"/device/v1/transactions/{transaction_id}/fetch"


def answer_path(transaction_id):
    return f"/device/v1/transactions/{transaction_id}/answer"


def push_path(profile_id):
    return f"/device/v1/enrollments/{profile_id}/push"


def post_form(client, path, fields, content_type=FORM, **headers):
    body = fields if isinstance(fields, (str, bytes)) else urlencode(fields, doseq=True)
    return client.generic("POST", path, body, content_type=content_type, headers=headers)


def send_json(client, path, body, *, method="POST", token="", **headers):
    """Send a body to the device API. Bytes and text are sent unchanged."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.generic(method, path, content, content_type="application/json", headers=headers)


def error_of(response):
    """Return status and error of a response, and check the format of the error."""
    body = response.json()
    assert response.headers["Content-Type"].replace(" ", "") == "application/json;charset=UTF-8"
    assert_not_cacheable(response)
    assert body["error"]
    assert body["error_description"]
    if "error_code" in body and "description" in body:
        assert body["description"] == body["error_description"]
    return response.status_code, body.get("error_code", body["error"])


def assert_not_cacheable(response):
    assert response.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    assert response.headers["Pragma"] == "no-cache"
