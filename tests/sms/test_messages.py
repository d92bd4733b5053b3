"""Messages: default by language, insertion of the code, and the autofill format of browsers."""

import pytest

from apps.sms import messages
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
AUTOFILL = "Your code is {code}\n\n@www.example.com #{code}"


@pytest.fixture
def type_with():
    def build(**default_messages):
        return factories.TypeFactory(method="sms", default_messages=default_messages)

    return build


@pytest.fixture
def sent(sms_flow, sent_messages):
    """Initiate and deliver; return the delivered text with CODE in place of the code."""

    def run(mobile_type, **fields):
        sms_flow.send(mobile_type, **fields)
        message = sent_messages[-1][0]
        assert message.code in message.text
        return message.text.replace(message.code, "CODE")

    return run


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (None, "Code: CODE"),
        ("en", "Code: CODE"),
        ("nl", "Uw code: CODE"),
        ("nl-BE", "Uw code: CODE"),
        ("nl_BE", "Uw code: CODE"),
        ("NL", "Uw code: CODE"),
        ("de", "Code: CODE"),
    ],
)
def test_default_message_is_chosen_by_language(sent, type_with, language, text):
    mobile_type = type_with(en="Code: {code}", nl="Uw code: {code}")
    assert sent(mobile_type, language_code=language) == text


def test_message_parameter_overrides_the_default(sent, type_with):
    assert sent(type_with(en="Code: {code}"), message="Type {code} to pay") == "Type CODE to pay"


def test_missing_message_is_an_error_without_a_default(sms_flow, type_with):
    response = sms_flow.post(type_with(nl="Uw code: {code}"), language_code="de")
    assert (response.status_code, response.json()["error_code"]) == (400, "1003")
    assert "message" in response.json()["description"]


@pytest.mark.parametrize("text", ["Sign in?", "Code: {CODE}", "Code: {}", "Code: {code", "Code: { code }"])
def test_message_without_placeholder_is_replaced_by_the_code(sent, type_with, text):
    assert sent(type_with(en=text)) == "CODE"
    assert sent(type_with(en="x {code}"), message=text) == "CODE"


@pytest.mark.parametrize("text", ["{code}", "{code} {code}", "100% {code} %s %(code)s {0} {{code}}", "☎ {code}\n\tx"])
def test_only_the_placeholder_is_replaced(sent, type_with, text):
    assert sent(type_with(en=text)) == text.replace("{code}", "CODE")


def test_autofill_line_is_unchanged(sent, type_with):
    expected = "Your code is CODE\n\n@www.example.com #CODE"
    assert sent(type_with(en=AUTOFILL)) == expected
    assert sent(type_with(en="x {code}"), message=AUTOFILL) == expected
    assert sent(type_with(en="x {code}"), message=AUTOFILL.replace("\n", "\r\n")) == expected


@pytest.mark.parametrize("character", ["x", "é", "電", "😀"])
def test_message_length_is_validated_before_the_code_is_inserted(sms_flow, type_with, sent_messages, character):
    mobile_type = type_with(en="{code}")
    full = character * (155 - len("{code}") * 2) + "{code}" * 2
    assert sms_flow.post(mobile_type, message=full).status_code == 200
    response = sms_flow.post(mobile_type, message=full + character)
    assert (response.status_code, response.json()["error_code"]) == (400, "1005")


def test_message_with_code_can_exceed_the_maximum_length(sent, type_with, settings):
    settings.MESSAGE_MAX_LENGTH = 6
    assert sent(type_with(en="{code}")) == "CODE"


@pytest.fixture
def push_type(type_with):
    return factories.TypeFactory(
        fallback=type_with(en="Code: {code}", nl="Uw code: {code}"), default_messages={"en": "Sign in?"}
    )


def test_fallback_uses_its_own_default_message(sent, push_type):
    fields = {"callback_uri": "http://127.0.0.1:9/callback"}
    assert sent(push_type, **fields) == "Code: CODE"
    assert sent(push_type, language_code="nl", **fields) == "Uw code: CODE"


def test_fallback_uses_the_message_parameter(sent, push_type):
    assert sent(push_type, message="Type {code}", callback_uri="http://127.0.0.1:9/callback") == "Type CODE"


@pytest.mark.parametrize(
    "text",
    [
        "@example.com #{code}",
        AUTOFILL,
        AUTOFILL + "\n",
        "{code}\n@xn--mnchen-3ya.de #{code}",
        "Your code is {code}",
        "Mail us: help@example.com\nCode: {code}",
        "Questions? help@example.com. Code: {code}",
        "Order #12, code {code}",
        "",
        "Sign in?",
    ],
)
def test_valid_autofill_line_is_accepted(text):
    assert not messages.has_autofill_problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "@example.com {code}",
        "@example.com  #{code}",
        "@example.com#{code}",
        "@ example.com #{code}",
        " @example.com #{code}",
        "Use @example.com #{code}",
        "@example.com # {code}",
        "@example.com #{code} ok",
        "@example.com #{code}.",
        "@https://example.com #{code}",
        "@example.com:8443 #{code}",
        "@example.com/path #{code}",
        "@example.com\t#{code}",
        "@example.com #code",
        "@example.com #{CODE}",
        "example.com #{code}",
        "@example.com #{code}\nThe shop",
    ],
)
def test_invalid_autofill_line_is_detected(text):
    assert messages.has_autofill_problem(f"Your code is {{code}}\n{text}")
