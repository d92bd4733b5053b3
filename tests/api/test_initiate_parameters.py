"""E3 validates its parameters in a fixed order and reports the first error."""

import pytest

from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import CALLBACK, INITIATE, error_of, post_form

# Invalid value of each parameter in the order of validation, with its error.
MISTAKES = [
    ("type", "no-such-type", "3005"),
    ("user_id", "u" * 256, "1003"),
    ("device_id", "D" * 65, "1003"),
    ("callback_uri", "not a url", "1003"),
    ("message", "m" * 156, "1005"),
    ("signing_data", "s" * 16_001, "1003"),
    ("secure_message", "s" * 4_001, "1003"),
    ("language_code", "not a language", "1003"),
    ("ip_address", "1.2.3", "1003"),
]
PAIRS = [(first, second) for index, first in enumerate(MISTAKES) for second in MISTAKES[index + 1 :]]
INVALID_TEXT = ["\0", "a\0", "a\nb", "\x1b[31m", "a\x7f", "\x85"]


def names(response, parameter):
    return parameter in response.json()["description"]


@pytest.mark.parametrize(("name", "value", "code"), MISTAKES)
def test_invalid_parameter_is_reported(portal, mobile_type, device, name, value, code):
    response = portal.start(mobile_type, device, **{name: value})
    assert error_of(response)[1] == code
    assert code != "1003" or names(response, name)
    assert not Transaction.objects.exists()


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda pair: pair[0])
def test_first_of_two_invalid_parameters_is_reported(portal, mobile_type, device, first, second):
    response = portal.start(mobile_type, device, **{first[0]: first[1], second[0]: second[1]})
    assert error_of(response)[1] == first[2]
    assert first[2] != "1003" or names(response, first[0])


@pytest.mark.parametrize("name", ["type", "user_id", "callback_uri"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_or_empty_parameter_is_named(portal, mobile_type, device, name, value):
    response = portal.start(mobile_type, device, **{name: value})
    assert error_of(response) == (400, "1003")
    assert names(response, name)


@pytest.mark.parametrize(
    "name", ["message", "signing_data", "secure_message", "language_code", "ip_address", "user_agent", "phone_number"]
)
def test_empty_optional_parameter_counts_as_absent(portal, mobile_type, device, name):
    assert portal.start(mobile_type, device, **{name: ""}).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callback_uri", "http://portal.example.com/" + "c" * (2000 - 26)),
        ("message", "m" * 155),
        ("signing_data", "s" * 16_000),
        ("secure_message", "s" * 4_000),
        ("user_agent", "Mozilla " * 1_000),
        ("language_code", "zh-Hant-TW"),
        ("ip_address", "2001:db8::1"),
        ("ip_address", "192.0.2.1"),
        ("an_unknown_parameter", "is not looked at"),
    ],
)
def test_value_at_its_limit_is_accepted(portal, mobile_type, device, name, value):
    assert portal.start(mobile_type, device, **{name: value}).status_code == 200


def test_user_id_at_its_limit_is_accepted(portal, mobile_type, device, profile_row):
    user_id = "é" * 255
    profile = profile_row(device)
    profile.user_id = user_id
    profile.save()
    assert portal.start(mobile_type, device, user_id=user_id).status_code == 200


def test_type_name_of_100_characters_is_found(portal, device):
    longest = factories.TypeFactory(name="t" * 100)
    assert portal.start(longest, device).status_code == 200


def test_type_name_above_the_limit_is_rejected(portal, mobile_type, device):
    assert error_of(portal.start(mobile_type, device, type="t" * 101)) == (400, "1003")


@pytest.mark.parametrize("value", ["\0", "a\0"])
def test_user_id_with_nul_is_rejected(portal, mobile_type, device, value):
    response = portal.start(mobile_type, device, user_id=value)
    assert error_of(response) == (400, "1003")
    assert names(response, "user_id")


@pytest.mark.parametrize("name", ["type", "device_id", "callback_uri"])
@pytest.mark.parametrize("value", INVALID_TEXT)
def test_control_characters_are_rejected_in_identifiers(portal, mobile_type, device, name, value):
    response = portal.start(mobile_type, device, **{name: value})
    assert error_of(response) == (400, "1003")
    assert names(response, name)


@pytest.mark.parametrize("name", ["language_code", "ip_address"])
@pytest.mark.parametrize("value", [*INVALID_TEXT, "::1%eth0", "1.2.3.4/8", "nl_", "-", "x" * 300, "ಠ_ಠ"])
def test_malformed_context_is_rejected(portal, mobile_type, device, name, value):
    response = portal.start(mobile_type, device, **{name: value})
    assert error_of(response) == (400, "1003")
    assert names(response, name)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"message=%ff", b"message=%ed%a0%80", b"%c3%28=x", b"a" * 10 + b"\x80"])
def test_body_that_is_not_utf_8_is_rejected(portal, body):
    response = post_form(portal.client, INITIATE, body, Authorization=portal.authorization)
    assert error_of(response) == (400, "1003")


@pytest.mark.parametrize("body", [b"", b"&&&", b"=", b"===", b"%", b"%zz=%z", b";", b"type", b"a" * 1000, b"\0"])
def test_body_without_a_type_is_rejected(portal, body):
    response = post_form(portal.client, INITIATE, body, Authorization=portal.authorization)
    assert error_of(response) == (400, "1003")
    assert names(response, "type")


@pytest.mark.parametrize("count", [101, 501, 20_000])
def test_more_than_100_parameters_are_rejected(portal, count):
    response = portal.post(INITIATE, {f"{number}": "" for number in range(count)})
    assert error_of(response) == (400, "1003")
    assert response.json()["description"] == "The body has more than 100 parameters."
    assert response.json()["error"] == "invalid_parameter"


def test_credentials_after_100_other_parameters_are_read(client, portal):
    fields = {f"{number}": "x" for number in range(101)}
    credentials = {"client_id": portal.api_client.client_id, "client_secret": portal.secret}
    assert error_of(post_form(client, INITIATE, fields)) == (401, "invalid_client")
    assert error_of(post_form(client, INITIATE, {**fields, **credentials})) == (400, "1003")


@pytest.mark.parametrize(
    "url",
    [
        "/callback",
        "//portal.example.com/callback",
        "ftp://portal.example.com/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://:80/",
        "https://portal.example.com:0/",
        "https://portal.example.com:99999/",
        "https://portal.example.com:x/",
        "http://[::1/",
        "http://portal.example.com/ with space",
        "http://portal.example.com/\r\nHost: other",
        "http://pörtal.example.com/",
        "http://portal.example.com/" + "c" * (2001 - 26),
    ],
)
def test_callback_uri_must_be_an_absolute_http_url(portal, mobile_type, device, url):
    response = portal.start(mobile_type, device, callback_uri=url)
    assert error_of(response) == (400, "1003")
    assert names(response, "callback_uri")


def test_any_callback_uri_is_accepted_without_the_allow_list(portal, mobile_type, device):
    factories.CallbackEndpointFactory()
    assert portal.start(mobile_type, device, callback_uri=CALLBACK).status_code == 200


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("https://portal.example.com/callback", True),
        ("https://portal.example.com/callback/", False),
        ("https://portal.example.com/callback?x", False),
        ("https://portal.example.com/Callback", False),
        ("https://PORTAL.example.com/callback", False),
        ("https://portal.example.com:443/callback", False),
        ("http://portal.example.com/callback", False),
    ],
)
def test_allow_list_requires_an_exact_match(portal, mobile_type, device, switch, asked, allowed):
    factories.CallbackEndpointFactory(url="https://portal.example.com/callback")
    switch(callback_allow_list_enabled=True)
    response = portal.start(mobile_type, device, callback_uri=asked)
    assert (response.status_code == 200) is allowed
    assert allowed or (error_of(response) == (400, "1003") and names(response, "callback_uri"))


def test_rejected_request_records_an_event(portal, mobile_type, device, event_types):
    portal.start(mobile_type, device, ip_address="x")
    portal.start(mobile_type, device, message="m" * 156)
    assert event_types()[-2:] == ["MOBILE_AUTH_INIT_FAILURE_INVALID_REQ", "PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG"]
