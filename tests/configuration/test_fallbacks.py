"""Fallbacks of types in a configuration file."""

import json

import pytest

from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.commands.command_runner import run

pytestmark = pytest.mark.django_db


def types(*items):
    return json.dumps({"mobile_authentication_types": list(items)})


def chain_of(name):
    return [step.name for step in MobileAuthenticationType.objects.get(name=name).fallback_chain()]


def in_a_row(count, last):
    names = [f"step-{number}" for number in range(count)]
    return [{"name": name, "fallback": following} for name, following in zip(names, [*names[1:], last], strict=True)]


METHODS = ["push", "push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator", "otp", "sms"]


def test_all_methods_and_members_are_imported_and_exported(import_text):
    items = [{"name": method, "method": method} for method in METHODS]
    texts = {"name": "text", "method": "sms", "max_attempts": 0, "max_resends": 2, "sms_sender_id": "Shop"}
    result = import_text(types(*items, texts))
    assert result.code == 0, result.err
    row = MobileAuthenticationType.objects.get(name="text")
    assert (row.max_attempts, row.max_resends, row.sms_sender_id) == (0, 2, "Shop")
    exported = run("export_configuration").out
    assert import_text(exported).lines == ["Nothing to change."]
    MobileAuthenticationType.objects.all().delete()
    assert import_text(exported).code == 0
    assert run("export_configuration").out == exported


def test_fallback_can_be_defined_after_its_type(import_text):
    result = import_text(
        types(
            {"name": "pin", "method": "push_with_pin", "fallback": "login"},
            {"name": "login", "method": "push", "fallback": "text"},
            {"name": "text", "method": "sms"},
        )
    )
    assert (result.code, result.err) == (0, "")
    assert chain_of("pin") == ["pin", "login", "text"]
    exported = run("export_configuration").out
    MobileAuthenticationType.objects.filter(name="pin").delete()
    MobileAuthenticationType.objects.filter(name="login").delete()
    MobileAuthenticationType.objects.all().delete()
    assert import_text(exported).code == 0
    assert chain_of("pin") == ["pin", "login", "text"]


def test_change_of_a_fallback_contains_the_names(import_text):
    text = factories.TypeFactory(name="text", method="sms")
    factories.TypeFactory(name="login", fallback=text)
    result = import_text(types({"name": "login", "fallback": "later"}, {"name": "later", "method": "sms"}))
    assert result.lines == [
        "mobile_authentication_types[login]: changed fallback text → later",
        "mobile_authentication_types[later]: created",
    ]
    assert chain_of("login") == ["login", "later"]
    assert import_text(types({"name": "login", "fallback": None})).lines == [
        "mobile_authentication_types[login]: changed fallback later → null"
    ]
    assert chain_of("login") == ["login"]


def test_cycle_of_new_types_is_rejected_with_the_path_of_each_item(import_text):
    rejected = import_text(
        types(
            {"name": "start", "fallback": "a"},
            {"name": "a", "fallback": "b"},
            {"name": "b", "fallback": "a"},
        )
    )
    text = "fallback: The fallbacks form a cycle."
    assert rejected.problems == [f"mobile_authentication_types[{number}].{text}" for number in (1, 2)]
    assert not MobileAuthenticationType.objects.exists()


def test_cycle_through_types_outside_the_file_is_rejected(import_text):
    last = factories.TypeFactory(name="last")
    middle = factories.TypeFactory(name="middle", fallback=last)
    factories.TypeFactory(name="first", fallback=middle)
    rejected = import_text(types({"name": "last", "fallback": "first"}))
    assert rejected.problems == ["mobile_authentication_types[0].fallback: The fallbacks form a cycle."]
    assert chain_of("first") == ["first", "middle", "last"]


def test_direction_of_fallbacks_can_be_reversed_in_one_import(import_text):
    last = factories.TypeFactory(name="last")
    factories.TypeFactory(name="first", fallback=last)
    result = import_text(types({"name": "last", "fallback": "first"}, {"name": "first", "fallback": None}))
    assert result.code == 0, result.err
    assert chain_of("last") == ["last", "first"]


def test_type_used_as_fallback_cannot_become_otp(import_text):
    factories.TypeFactory(name="login", fallback=factories.TypeFactory(name="text", method="sms"))
    rejected = import_text(types({"name": "text", "method": "otp"}))
    assert rejected.problems == [
        "mobile_authentication_types[0]: “login” uses this item as its fallback: An OTP type cannot be a fallback."
    ]
    assert import_text(types({"name": "text", "method": "otp"}, {"name": "login", "fallback": None})).code == 0


def test_long_chain_of_fallbacks_is_stored(import_text, django_assert_max_num_queries):
    names = [f"step-{number:02}" for number in range(40)]
    items = [{"name": name, "fallback": following} for name, following in zip(names, [*names[1:], None], strict=True)]
    with django_assert_max_num_queries(70):
        assert import_text(types(*items)).code == 0
    assert chain_of("step-00") == names


def test_chain_of_thousands_of_fallbacks_is_accepted(import_text, django_assert_max_num_queries):
    items = in_a_row(5000, None)
    with django_assert_max_num_queries(100):
        result = import_text(types(*items))
    assert (result.code, len(result.lines)) == (0, 5000)
    named = dict(MobileAuthenticationType.objects.values_list("name", "fallback__name"))
    assert named == {item["name"]: item["fallback"] for item in items}
    assert import_text(types(*items)).lines == ["Nothing to change."]


def test_cycle_of_thousands_is_rejected_with_a_line_for_each_type(import_text):
    rejected = import_text(types(*in_a_row(5000, "step-1")))
    assert (rejected.code, len(rejected.problems)) == (1, 4999)
    assert rejected.problems[0] == "mobile_authentication_types[1].fallback: The fallbacks form a cycle."
    assert not MobileAuthenticationType.objects.exists()


def test_export_of_fallbacks_uses_a_constant_number_of_queries(django_assert_num_queries):
    text = factories.TypeFactory(method="sms")
    for _number in range(5):
        factories.TypeFactory(fallback=text)
    # The first command on a database stores the key check value; each command reads it with two queries.
    run("export_configuration")
    with django_assert_num_queries(13):
        run("export_configuration")


def test_general_settings_of_sms_are_imported_and_exported(import_text):
    result = import_text('general: {sms_authentication_enabled: false, sms_sender_id: "Shop"}')
    assert result.lines == ['general: changed sms_authentication_enabled true → false, sms_sender_id "" → "Shop"']
    assert json.loads(run("export_configuration", "--format", "json").out)["general"]["sms_sender_id"] == "Shop"


def test_client_can_get_the_events_api(import_text):
    result = import_text("api_clients: [{name: P, client_id: p, client_secret: s, apis: [events]}]")
    assert result.code == 0, result.err


def test_language_outside_the_setting_is_accepted_and_kept(import_text, settings):
    settings.SUPPORTED_LOCALES = ["en"]
    assert import_text(types({"name": "a", "default_messages": {"en": "Hello", "fr": "Bonjour"}})).code == 0
    assert MobileAuthenticationType.objects.get().default_messages == {"en": "Hello", "fr": "Bonjour"}


def test_language_known_only_from_the_setting_is_accepted(import_text, settings):
    settings.SUPPORTED_LOCALES = ["en", "tlh_AQ"]
    assert import_text(types({"name": "a", "default_messages": {"en": "Hello", "tlh-aq": "nuqneH"}})).code == 0
    assert "Unknown language code." in import_text(types({"name": "a", "default_messages": {"tlh": "nuqneH"}})).err
