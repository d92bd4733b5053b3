"""The form of a mobile authentication type: what each method has."""

import pytest

from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.console.conftest import errors

ADD = "/admin/transactions/mobileauthenticationtype/add/"
LIST = "/admin/transactions/mobileauthenticationtype/"
PUSH_METHODS = ["push", "push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"]


def path_of(mobile_type):
    return f"/admin/transactions/mobileauthenticationtype/{mobile_type.pk}/change/"


def add(console, method, **fields):
    base = {"name": "login", "method": method, "time_to_live": 300}
    return console.post(ADD, {**base, **fields})


@pytest.fixture
def text(db):
    return factories.TypeFactory(name="text", method="sms")


@pytest.mark.parametrize("method", [*PUSH_METHODS, "otp", "sms"])
def test_every_method_can_be_chosen_with_its_defaults(console, method):
    page = add(console, method)
    assert page.status_code == 302, errors(page)
    made = MobileAuthenticationType.objects.get()
    assert (made.method, made.max_resends, made.max_attempts, made.fallback) == (method, 0, 3, None)


def test_a_type_for_text_messages_has_attempts_resends_and_a_sender(console, text):
    page = console.save(path_of(text), max_attempts=0, max_resends=2, sms_sender_id="Shop")
    assert page.status_code == 302, errors(page)
    text.refresh_from_db()
    assert (text.max_attempts, text.max_resends, text.sms_sender_id) == (0, 2, "Shop")


@pytest.mark.parametrize("method", PUSH_METHODS)
def test_a_push_type_has_resends_and_a_fallback(console, text, method):
    assert add(console, method, max_resends=1, fallback=text.pk).status_code == 302
    made = MobileAuthenticationType.objects.get(name="login")
    assert (made.max_resends, made.fallback) == (1, text)


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ("push", {"max_resends": 4}),
        ("sms", {"max_attempts": 9, "max_resends": 4, "sms_sender_id": "Shop"}),
        ("otp", {}),
    ],
)
def test_what_a_method_does_not_have_does_not_count_whatever_is_sent(console, text, method, kept):
    sent = {"max_attempts": 9, "max_resends": 4, "sms_sender_id": "Shop"}
    if method != "push":
        sent["fallback"] = text.pk
    assert add(console, method, **sent).status_code == 302
    made = MobileAuthenticationType.objects.get(name="login")
    defaults = {"max_attempts": 3, "max_resends": 0, "sms_sender_id": ""}
    assert {name: getattr(made, name) for name in defaults} == {**defaults, **kept}
    assert made.fallback is None


def test_nonsense_in_a_field_that_is_hidden_is_no_error(console):
    assert add(console, "otp", max_attempts="many", fallback="nobody").status_code == 302


@pytest.mark.parametrize(("name", "value"), [("max_attempts", "-1"), ("max_resends", "x"), ("sms_sender_id", "x" * 21)])
def test_nonsense_in_a_field_that_is_shown_is_an_error(console, name, value):
    assert set(errors(add(console, "sms", **{name: value}))) == {name}


def test_another_method_drops_what_it_does_not_have(console, text):
    login = factories.TypeFactory(fallback=text, max_resends=3)
    assert console.save(path_of(login), method="otp").status_code == 302
    login.refresh_from_db()
    assert (login.method, login.fallback, login.max_resends) == ("otp", None, 0)


def test_otp_types_and_the_type_itself_are_not_offered_as_a_fallback(console, text):
    login, scan = factories.TypeFactory(name="login"), factories.TypeFactory(method="otp")
    field = console.get(path_of(login)).context["adminform"].form.fields["fallback"]
    assert list(field.queryset) == [text]
    for other in (scan, login):
        assert set(errors(console.save(path_of(login), fallback=other.pk))) == {"fallback"}


def test_a_ring_is_refused(console):
    last = factories.TypeFactory(name="last")
    middle = factories.TypeFactory(name="middle", fallback=last)
    first = factories.TypeFactory(name="first", fallback=middle)
    page = console.save(path_of(last), fallback=first.pk)
    assert errors(page) == {"fallback": "The fallbacks form a cycle."}


def test_a_fallback_of_others_cannot_become_otp_and_cannot_be_deleted(console, text):
    factories.TypeFactory(name="login", fallback=text)
    refused = errors(console.save(path_of(text), method="otp"))
    assert refused == {"method": "An OTP type cannot be a fallback. This type is the fallback of: login."}
    page = console.get(path_of(text).replace("change/", "delete/")).content.decode()
    assert "mobile authentication type “login”" in page
    console.post(path_of(text).replace("change/", "delete/"), {"post": "yes"})
    text.refresh_from_db()
    assert text.method == "sms"


def test_the_limits_say_what_zero_means(console):
    page = console.get(ADD).content.decode()
    assert "0: no resends." in page
    assert "0: no limit until it expires." in page


AUTOFILL = "Your code: {code}\r\n\r\n@www.example.com #{code}"


@pytest.mark.parametrize(
    ("message", "is_warned"),
    [(AUTOFILL, False), (AUTOFILL.replace(" #", "#"), True), (AUTOFILL.replace("@", "at @"), True), ("{code}", False)],
)
def test_an_almost_right_autofill_line_is_warned_about_and_kept(console, text, message, is_warned):
    page = console.post(path_of(text), {**console.form(path_of(text)), "default_message_en": message}, follow=True)
    assert ("is not in the form that browsers need to offer the code" in page.content.decode()) is is_warned
    text.refresh_from_db()
    assert text.default_messages["en"] == message.replace("\r\n", "\n")


def test_a_push_message_is_not_warned_about(console):
    path = path_of(factories.TypeFactory())
    page = console.post(path, {**console.form(path), "default_message_en": "Hi @a#{code}"}, follow=True)
    assert "is not in the form" not in page.content.decode()


def test_fallbacks_are_listed(console, text):
    factories.TypeFactory(name="login", fallback=text)
    assert ">text<" in "".join(console.get(LIST).content.decode().split())


def test_text_messages_have_switches_in_general(console, changes):
    page = console.save("/admin/system/generalconfiguration/", sms_authentication_enabled=None, sms_sender_id="Shop")
    assert page.status_code == 302
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {
        "sms_authentication_enabled": [True, False],
        "sms_sender_id": ["", "Shop"],
    }


def test_every_language_has_a_field_with_its_count_and_its_preview(console, settings):
    """The fields are made from the languages when the server starts; here that is English alone."""
    page = console.get(ADD).content.decode()
    assert 'data-counts="id_default_message_en" data-limit="155"' in page
    assert 'aria-controls="preview_default_message_en"' in page
    assert '<output class="console-message-preview" for="id_default_message_en"' in page
    assert 'aria-live="polite"' in page


@pytest.mark.parametrize(("lines", "accepted"), [(5, True), (6, False)])
def test_a_line_break_counts_as_the_one_character_that_is_stored(console, settings, text, lines, accepted):
    settings.MESSAGE_MAX_LENGTH = 9
    page = console.save(path_of(text), default_message_en="\r\n".join("abcdef"[:lines]))
    assert (page.status_code == 302) is accepted
    text.refresh_from_db()
    assert text.default_messages.get("en", "").count("\r") == 0


def test_codes_without_a_limit_are_warned_of(console):
    assert 'data-shown-when="method=sms&amp;max_attempts=0"' in console.get(ADD).content.decode()
