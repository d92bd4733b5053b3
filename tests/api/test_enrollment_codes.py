"""The user API makes one-time enrolment codes."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from apps.enrollment.models import EnrollmentCode
from tests.api.calls import CODES, assert_not_cacheable, error_of, send_json

PATH = CODES.format(user_id="anna")


@pytest.fixture
def ask(portal, version):
    def run(body=None, path=PATH):
        content = {"application_id": version.application.identifier} if body is None else body
        return send_json(portal.client, path, content, Authorization=portal.authorization)

    return run


def test_a_code_is_made_from_json(ask, settings, version, event_types):
    settings.PUBLIC_URL = "https://auth.example.com"
    answer = ask()
    made = answer.json()
    assert answer.status_code == 201
    assert_not_cacheable(answer)
    assert set(made) == {"enrollment_code", "enrollment_uri", "expires_at"}
    # 22 characters of URL-safe base64 carry 128 bits.
    assert len(made["enrollment_code"]) >= 22
    seconds = made["expires_at"] / 1000 - datetime.now(UTC).timestamp()
    assert 590 < seconds <= 600
    assert event_types() == ["ENROLLMENT_CODE_CREATED"]
    uri = urlsplit(made["enrollment_uri"])
    assert parse_qs(uri.query) == {
        "server": ["https://auth.example.com"],
        "application_id": [version.application.identifier],
        "code": [made["enrollment_code"]],
    }


def test_a_code_is_made_from_a_form(portal, version):
    answer = portal.post(PATH, {"application_id": version.application.identifier})
    assert answer.status_code == 201


def test_every_code_is_another_one_and_none_is_kept_readably(ask):
    made = {ask().json()["enrollment_code"] for _ in range(5)}
    assert len(made) == 5
    stored = json.dumps(list(EnrollmentCode.objects.values()), default=str)
    assert not [code for code in made if code in stored]


def test_an_unknown_application_is_not_found(ask):
    assert error_of(ask({"application_id": "none"})) == (404, "not_found")
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
def test_a_malformed_body_is_refused(ask, body):
    assert error_of(ask(body)) == (400, "invalid_request")


@pytest.mark.parametrize("body", [[("application_id", "a"), ("application_id", "b")], b"application_id=%ff"])
def test_a_malformed_form_is_refused(portal, body):
    answer = portal.post(PATH, body) if isinstance(body, list) else post_bytes(portal, body)
    assert error_of(answer) == (400, "1003")


def post_bytes(portal, body):
    return portal.client.generic(
        "POST",
        PATH,
        body,
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": portal.authorization},
    )


@pytest.mark.parametrize("user_id", ["u" * 256, "a\0b"])
def test_an_impossible_user_id_is_refused(ask, user_id):
    assert error_of(ask(path=CODES.format(user_id=quote(user_id)))) == (400, "invalid_request")


@pytest.mark.parametrize("user_id", ["u" * 255, "anna@example.com", "Ünïcödé", "with space", "漢" * 255])
def test_a_user_id_is_any_text(ask, user_id):
    assert ask(path=CODES.format(user_id=quote(user_id))).status_code == 201
    assert EnrollmentCode.objects.get().user_id == user_id
