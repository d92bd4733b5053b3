"""Form of mobile authentication types, by method."""

import pytest

from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.console.conftest import errors

ADD = "/admin/transactions/mobileauthenticationtype/add/"
LIST = "/admin/transactions/mobileauthenticationtype/"
PUSH_METHODS = ["push", "push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"]


def page_path(mobile_type):
    return f"/admin/transactions/mobileauthenticationtype/{mobile_type.pk}/change/"


def add(console, method, **fields):
    base = {"name": "login", "method": method, "time_to_live": 300}
    return console.post(ADD, {**base, **fields})


@pytest.fixture
def text(db):
    return factories.TypeFactory(name="text", method="sms")


@pytest.mark.parametrize("method", [*PUSH_METHODS, "otp", "sms"])
def test_every_method_can_be_chosen_with_defaults(console, method):
    page = add(console, method)
    assert page.status_code == 302, errors(page)
    mobile_type = MobileAuthenticationType.objects.get()
    assert (mobile_type.method, mobile_type.max_resends, mobile_type.max_attempts, mobile_type.fallback) == (
        method,
        0,
        3,
        None,
    )


def test_sms_type_has_attempts_resends_and_sender(console, text):
    page = console.save(page_path(text), max_attempts=0, max_resends=2, sms_sender_id="Shop")
    assert page.status_code == 302, errors(page)
    text.refresh_from_db()
    assert (text.max_attempts, text.max_resends, text.sms_sender_id) == (0, 2, "Shop")


@pytest.mark.parametrize("method", PUSH_METHODS)
def test_push_type_has_resends_and_fallback(console, text, method):
    assert add(console, method, max_resends=1, fallback=text.pk).status_code == 302
    mobile_type = MobileAuthenticationType.objects.get(name="login")
    assert (mobile_type.max_resends, mobile_type.fallback) == (1, text)


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ("push", {"max_resends": 4}),
        ("sms", {"max_attempts": 9, "max_resends": 4, "sms_sender_id": "Shop"}),
        ("otp", {}),
    ],
)
def test_fields_of_other_methods_are_ignored(console, text, method, kept):
    sent = {"max_attempts": 9, "max_resends": 4, "sms_sender_id": "Shop"}
    if method != "push":
        sent["fallback"] = text.pk
    assert add(console, method, **sent).status_code == 302
    mobile_type = MobileAuthenticationType.objects.get(name="login")
    defaults = {"max_attempts": 3, "max_resends": 0, "sms_sender_id": ""}
    assert {name: getattr(mobile_type, name) for name in defaults} == {**defaults, **kept}
    assert mobile_type.fallback is None


@pytest.mark.parametrize("method", PUSH_METHODS)
def test_code_to_phone_has_attempts(console, method):
    assert add(console, method, code_to_phone="on", max_attempts=5).status_code == 302
    mobile_type = MobileAuthenticationType.objects.get()
    assert (mobile_type.code_to_phone, mobile_type.max_attempts) == (True, 5)
    assert console.save(page_path(mobile_type), method="sms").status_code == 302
    mobile_type.refresh_from_db()
    assert (mobile_type.code_to_phone, mobile_type.max_attempts) == (False, 5)


@pytest.mark.parametrize("other", [{"number_matching_digits": 2}, {"transaction_signing": "on"}])
def test_code_to_phone_excludes_requirements_of_an_approval(console, other):
    assert set(errors(add(console, "push", code_to_phone="on", **other))) == {"code_to_phone"}
    assert not MobileAuthenticationType.objects.exists()


def test_invalid_hidden_field_is_ignored(console):
    assert add(console, "otp", max_attempts="many", fallback="unknown").status_code == 302


@pytest.mark.parametrize(("name", "value"), [("max_attempts", "-1"), ("max_resends", "x"), ("sms_sender_id", "x" * 21)])
def test_invalid_visible_field_is_rejected(console, name, value):
    assert set(errors(add(console, "sms", **{name: value}))) == {name}


def test_method_change_resets_other_fields(console, text):
    login = factories.TypeFactory(fallback=text, max_resends=3)
    assert console.save(page_path(login), method="otp").status_code == 302
    login.refresh_from_db()
    assert (login.method, login.fallback, login.max_resends) == ("otp", None, 0)


def test_fallback_choices_exclude_otp_and_self(console, text):
    login, scan = factories.TypeFactory(name="login"), factories.TypeFactory(method="otp")
    field = console.get(page_path(login)).context["adminform"].form.fields["fallback"]
    assert list(field.queryset) == [text]
    for other in (scan, login):
        assert set(errors(console.save(page_path(login), fallback=other.pk))) == {"fallback"}


def test_fallback_cycle_is_rejected(console):
    last = factories.TypeFactory(name="last")
    middle = factories.TypeFactory(name="middle", fallback=last)
    first = factories.TypeFactory(name="first", fallback=middle)
    page = console.save(page_path(last), fallback=first.pk)
    assert errors(page) == {"fallback": "The fallbacks form a cycle."}


def test_fallback_type_cannot_become_otp_or_be_deleted(console, text):
    factories.TypeFactory(name="login", fallback=text)
    rejected = errors(console.save(page_path(text), method="otp"))
    assert rejected == {"method": "An OTP type cannot be a fallback. This type is the fallback of: login."}
    page = console.get(page_path(text).replace("change/", "delete/")).content.decode()
    assert "mobile authentication type “login”" in page
    console.post(page_path(text).replace("change/", "delete/"), {"post": "yes"})
    text.refresh_from_db()
    assert text.method == "sms"


def test_limits_describe_zero(console):
    page = console.get(ADD).content.decode()
    assert "0: no resends." in page
    assert "0: no limit until it expires." in page


AUTOFILL = "Your code: {code}\r\n\r\n@www.example.com #{code}"


@pytest.mark.parametrize(
    ("message", "is_warned"),
    [(AUTOFILL, False), (AUTOFILL.replace(" #", "#"), True), (AUTOFILL.replace("@", "at @"), True), ("{code}", False)],
)
def test_invalid_autofill_line_shows_warning(console, text, message, is_warned):
    page = console.post(page_path(text), {**console.form(page_path(text)), "default_message_en": message}, follow=True)
    assert ("is not in the form that browsers need to offer the code" in page.content.decode()) is is_warned
    text.refresh_from_db()
    assert text.default_messages["en"] == message.replace("\r\n", "\n")


def test_push_message_shows_no_autofill_warning(console):
    path = page_path(factories.TypeFactory())
    page = console.post(path, {**console.form(path), "default_message_en": "Hi @a#{code}"}, follow=True)
    assert "is not in the form" not in page.content.decode()


def test_list_shows_fallbacks(console, text):
    factories.TypeFactory(name="login", fallback=text)
    assert ">text<" in "".join(console.get(LIST).content.decode().split())


def test_general_has_sms_switches(console, changes):
    page = console.save("/admin/system/generalconfiguration/", sms_authentication_enabled=None, sms_sender_id="Shop")
    assert page.status_code == 302
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {
        "sms_authentication_enabled": [True, False],
        "sms_sender_id": ["", "Shop"],
    }


def test_every_language_has_field_count_and_preview(console, settings):
    """The fields are created at the server's start; in the tests, English is the only language."""
    page = console.get(ADD).content.decode()
    assert 'data-counts="id_default_message_en" data-limit="155"' in page
    assert 'aria-controls="preview_default_message_en"' in page
    assert '<output class="console-message-preview" for="id_default_message_en"' in page
    assert 'aria-live="polite"' in page


@pytest.mark.parametrize(("lines", "accepted"), [(5, True), (6, False)])
def test_line_break_counts_as_one_character(console, settings, text, lines, accepted):
    settings.MESSAGE_MAX_LENGTH = 9
    page = console.save(page_path(text), default_message_en="\r\n".join("abcdef"[:lines]))
    assert (page.status_code == 302) is accepted
    text.refresh_from_db()
    assert text.default_messages.get("en", "").count("\r") == 0


def test_unlimited_attempts_show_a_warning(console):
    assert 'data-shown-when="max_attempts=0"' in console.get(ADD).content.decode()
