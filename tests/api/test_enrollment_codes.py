"""Creation of enrolment codes with the user API."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from apps.applications.models import Application
from apps.enrollment.models import EnrollmentCode
from tests.api.calls import CODES, assert_not_cacheable, error_of, send_json

PATH = CODES.format(user_id="anna")


@pytest.fixture
def request_code(portal, version):
    def run(body=None, path=PATH):
        content = {"application_id": version.application.identifier} if body is None else body
        return send_json(portal.client, path, content, Authorization=portal.authorization)

    return run


def test_code_is_created_from_json(request_code, settings, version, event_types):
    settings.PUBLIC_URL = "https://auth.example.com"
    response = request_code()
    created = response.json()
    assert response.status_code == 201
    assert_not_cacheable(response)
    assert set(created) == {"enrollment_code", "enrollment_uri", "expires_at"}
    # 24 symbols of base32 carry 120 bits.
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", created["enrollment_code"])
    seconds = created["expires_at"] / 1000 - datetime.now(UTC).timestamp()
    assert 590 < seconds <= 600
    assert event_types() == ["ENROLLMENT_CODE_CREATED"]
    uri = urlsplit(created["enrollment_uri"])
    assert parse_qs(uri.query) == {
        "server": ["https://auth.example.com"],
        "application_id": [version.application.identifier],
        "code": [created["enrollment_code"]],
    }


@pytest.mark.parametrize(
    ("phone_url", "origin"),
    [("", "https://auth.example.com"), ("https://phone.example.com", "https://phone.example.com")],
)
def test_web_link_has_its_parameters_after_the_hash(request_code, settings, version, phone_url, origin):
    settings.PUBLIC_URL, settings.PHONE_URL = "https://auth.example.com", phone_url
    Application.objects.update(web_phone=True)
    created = request_code().json()
    assert set(created) == {"enrollment_code", "enrollment_uri", "web_enrollment_uri", "expires_at"}
    uri = urlsplit(created["web_enrollment_uri"])
    assert (f"{uri.scheme}://{uri.netloc}", uri.path, uri.query) == (origin, "/phone/", "")
    assert parse_qs(uri.fragment) == {
        "server": ["https://auth.example.com"],
        "application_id": [version.application.identifier],
        "code": [created["enrollment_code"]],
    }


def test_code_is_created_from_a_form(portal, version):
    response = portal.post(PATH, {"application_id": version.application.identifier})
    assert response.status_code == 201


def test_codes_are_unique_and_stored_as_hashes(request_code):
    created = {request_code().json()["enrollment_code"] for _ in range(5)}
    assert len(created) == 5
    stored = json.dumps(list(EnrollmentCode.objects.values()), default=str)
    assert not [code for code in created if code in stored]


def test_unknown_application_is_not_found(request_code):
    assert error_of(request_code({"application_id": "none"})) == (404, "not_found")
    assert not EnrollmentCode.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "",
        "null",
        "true",
        '"text"',
        "{",
        "\x00",
        b"\xff",
        {"application_id": ""},
        {"application_id": None},
        {"application_id": 5},
        {"application_id": True},
        {"application_id": ["shop"]},
        {"application_id": {"a": "b"}},
        {"application_id": "a\0b"},
        {"application_id": "x" * 101},
        '{"application_id": "\\ud800"}',
        '{"application_id": NaN}',
        '{"application_id": "a", "application_id": "b"}',
        "[" * 100_000,
        '{"application_id": ' + "[" * 100_000,
        '{"application_id": ' + "9" * 100_000 + "}",
    ],
    ids=lambda body: str(body)[:30],
)
def test_malformed_body_is_rejected(request_code, body):
    assert error_of(request_code(body)) == (400, "invalid_request")


@pytest.mark.parametrize("body", [[("application_id", "a"), ("application_id", "b")], b"application_id=%ff"])
def test_malformed_form_is_rejected(portal, body):
    response = portal.post(PATH, body) if isinstance(body, list) else post_bytes(portal, body)
    assert error_of(response) == (400, "1003")


def post_bytes(portal, body):
    return portal.client.generic(
        "POST",
        PATH,
        body,
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": portal.authorization},
    )


@pytest.mark.parametrize("user_id", ["u" * 256, "a\0b"])
def test_invalid_user_id_is_rejected(request_code, user_id):
    assert error_of(request_code(path=CODES.format(user_id=quote(user_id)))) == (400, "invalid_request")


@pytest.mark.parametrize("user_id", ["u" * 255, "anna@example.com", "Ünïcödé", "with space", "漢" * 255])
def test_user_id_can_be_any_text(request_code, user_id):
    assert request_code(path=CODES.format(user_id=quote(user_id))).status_code == 201
    assert EnrollmentCode.objects.get().user_id == user_id
