"""E3 judges its parameters one after the other; the first mistake in the order of the contract's table is told."""

import pytest

from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import CALLBACK, INITIATE, error_of, post_form

# A wrong value for each parameter, in the order of the table, and what is told about it.
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


def names(answer, parameter):
    return parameter in answer.json()["description"]


@pytest.mark.parametrize(("name", "value", "code"), MISTAKES)
def test_a_wrong_parameter_is_told(portal, mobile_type, device, name, value, code):
    answer = portal.start(mobile_type, device, **{name: value})
    assert error_of(answer)[1] == code
    assert code != "1003" or names(answer, name)
    assert not Transaction.objects.exists()


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda pair: pair[0])
def test_of_two_mistakes_the_first_in_the_table_is_told(portal, mobile_type, device, first, second):
    answer = portal.start(mobile_type, device, **{first[0]: first[1], second[0]: second[1]})
    assert error_of(answer)[1] == first[2]
    assert first[2] != "1003" or names(answer, first[0])


@pytest.mark.parametrize("name", ["type", "user_id", "callback_uri"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_or_empty_is_told_by_name(portal, mobile_type, device, name, value):
    answer = portal.start(mobile_type, device, **{name: value})
    assert error_of(answer) == (400, "1003")
    assert names(answer, name)


@pytest.mark.parametrize(
    "name", ["message", "signing_data", "secure_message", "language_code", "ip_address", "user_agent", "phone_number"]
)
def test_an_empty_optional_parameter_counts_as_absent(portal, mobile_type, device, name):
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
def test_a_value_at_its_limit_is_taken(portal, mobile_type, device, name, value):
    assert portal.start(mobile_type, device, **{name: value}).status_code == 200


def test_a_user_id_at_its_limit_is_taken(portal, mobile_type, device, profile_row):
    user_id = "é" * 255
    profile = profile_row(device)
    profile.user_id = user_id
    profile.save()
    assert portal.start(mobile_type, device, user_id=user_id).status_code == 200


def test_a_type_of_a_hundred_characters_is_found(portal, device):
    longest = factories.TypeFactory(name="t" * 100)
    assert portal.start(longest, device).status_code == 200


def test_a_type_that_is_longer_than_any_is_refused(portal, mobile_type, device):
    assert error_of(portal.start(mobile_type, device, type="t" * 101)) == (400, "1003")


@pytest.mark.parametrize("value", ["\0", "a\0"])
def test_user_id_with_nul_is_rejected(portal, mobile_type, device, value):
    answer = portal.start(mobile_type, device, user_id=value)
    assert error_of(answer) == (400, "1003")
    assert names(answer, "user_id")


@pytest.mark.parametrize("name", ["type", "device_id", "callback_uri"])
@pytest.mark.parametrize("value", INVALID_TEXT)
def test_control_characters_are_refused_in_what_names_something(portal, mobile_type, device, name, value):
    answer = portal.start(mobile_type, device, **{name: value})
    assert error_of(answer) == (400, "1003")
    assert names(answer, name)


@pytest.mark.parametrize("name", ["language_code", "ip_address"])
@pytest.mark.parametrize("value", [*INVALID_TEXT, "::1%eth0", "1.2.3.4/8", "nl_", "-", "x" * 300, "ಠ_ಠ"])
def test_malformed_context_is_refused(portal, mobile_type, device, name, value):
    answer = portal.start(mobile_type, device, **{name: value})
    assert error_of(answer) == (400, "1003")
    assert names(answer, name)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"message=%ff", b"message=%ed%a0%80", b"%c3%28=x", b"a" * 10 + b"\x80"])
def test_a_body_that_is_not_utf_8_is_refused(portal, body):
    answer = post_form(portal.client, INITIATE, body, Authorization=portal.authorization)
    assert error_of(answer) == (400, "1003")


@pytest.mark.parametrize("body", [b"", b"&&&", b"=", b"===", b"%", b"%zz=%z", b";", b"type", b"a" * 1000, b"\0"])
def test_a_body_without_a_type_lacks_it(portal, body):
    answer = post_form(portal.client, INITIATE, body, Authorization=portal.authorization)
    assert error_of(answer) == (400, "1003")
    assert names(answer, "type")


@pytest.mark.parametrize("count", [101, 501, 20_000])
def test_more_than_100_parameters_are_rejected(portal, count):
    answer = portal.post(INITIATE, {f"{number}": "" for number in range(count)})
    assert error_of(answer) == (400, "1003")
    assert answer.json()["description"] == "The body has more than 100 parameters."
    assert answer.json()["error"] == "invalid_parameter"


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
def test_a_callback_that_is_no_absolute_http_url_is_refused(portal, mobile_type, device, url):
    answer = portal.start(mobile_type, device, callback_uri=url)
    assert error_of(answer) == (400, "1003")
    assert names(answer, "callback_uri")


def test_with_the_allow_list_off_any_callback_is_taken(portal, mobile_type, device):
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
def test_the_allow_list_wants_an_exact_match(portal, mobile_type, device, switch, asked, allowed):
    factories.CallbackEndpointFactory(url="https://portal.example.com/callback")
    switch(callback_allow_list_enabled=True)
    answer = portal.start(mobile_type, device, callback_uri=asked)
    assert (answer.status_code == 200) is allowed
    assert allowed or (error_of(answer) == (400, "1003") and names(answer, "callback_uri"))


def test_a_refused_request_leaves_an_event(portal, mobile_type, device, event_types):
    portal.start(mobile_type, device, ip_address="x")
    portal.start(mobile_type, device, message="m" * 156)
    assert event_types()[-2:] == ["MOBILE_AUTH_INIT_FAILURE_INVALID_REQ", "PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG"]
