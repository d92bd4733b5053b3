"""A malformed body of the device API is a client error, not a server error."""

import pytest

from tests.api.calls import ENROLLMENTS, answer_path, error_of, fetch_path, push_path, send_json

BODIES = [
    b"",
    b" ",
    b"{",
    b"}",
    b"nonsense",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    '{"a": "\ud800"}'.encode("utf-8", "surrogatepass"),
    '{"profile_id": "x"}'.encode("utf-16"),
    b"null",
    b"true",
    b"5",
    b'"text"',
    b"[]",
    b'[{"profile_id": "ABC123"}]',
    b"NaN",
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 100_000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 30_000,
    b"[" * 90_000 + b"]" * 90_000,
    b'{"a": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    b'{"profile_id": "A", "profile_id": "A"}',
    b'{"a": {"b": 1, "b": 2}}',
    b'{"": ""}',
    b'{"__proto__": {}}',
]


@pytest.fixture
def endpoints(device, started):
    return [
        ("POST", ENROLLMENTS),
        ("PUT", push_path(device.profile_id)),
        ("POST", fetch_path(started)),
        ("POST", answer_path(started)),
    ]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body)[:24])
def test_malformed_body_is_rejected_without_effect(client, device, endpoints, body):
    for method, path in endpoints:
        token = "" if path == ENROLLMENTS else device.device_token
        response = send_json(client, path, body, method=method, token=token)
        assert error_of(response) == (400, "invalid_request"), path
    assert len(device.pending()) == 1
