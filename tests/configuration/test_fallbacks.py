"""Types that name each other in a configuration file."""

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


def test_every_method_and_every_member_of_it_is_imported_and_exported(import_text):
    items = [{"name": method, "method": method} for method in METHODS]
    texts = {"name": "text", "method": "sms", "max_attempts": 0, "max_resends": 2, "sms_sender_id": "Shop"}
    done = import_text(types(*items, texts))
    assert done.code == 0, done.err
    row = MobileAuthenticationType.objects.get(name="text")
    assert (row.max_attempts, row.max_resends, row.sms_sender_id) == (0, 2, "Shop")
    exported = run("export_configuration").out
    assert import_text(exported).lines == ["Nothing to change."]
    MobileAuthenticationType.objects.all().delete()
    assert import_text(exported).code == 0
    assert run("export_configuration").out == exported


def test_a_fallback_may_stand_after_the_type_that_names_it(import_text):
    done = import_text(
        types(
            {"name": "pin", "method": "push_with_pin", "fallback": "login"},
            {"name": "login", "method": "push", "fallback": "text"},
            {"name": "text", "method": "sms"},
        )
    )
    assert (done.code, done.err) == (0, "")
    assert chain_of("pin") == ["pin", "login", "text"]
    exported = run("export_configuration").out
    MobileAuthenticationType.objects.filter(name="pin").delete()
    MobileAuthenticationType.objects.filter(name="login").delete()
    MobileAuthenticationType.objects.all().delete()
    assert import_text(exported).code == 0
    assert chain_of("pin") == ["pin", "login", "text"]


def test_a_change_of_a_fallback_is_told_by_name(import_text):
    text = factories.TypeFactory(name="text", method="sms")
    factories.TypeFactory(name="login", fallback=text)
    done = import_text(types({"name": "login", "fallback": "later"}, {"name": "later", "method": "sms"}))
    assert done.lines == [
        "mobile_authentication_types[login]: changed fallback text → later",
        "mobile_authentication_types[later]: created",
    ]
    assert chain_of("login") == ["login", "later"]
    assert import_text(types({"name": "login", "fallback": None})).lines == [
        "mobile_authentication_types[login]: changed fallback later → null"
    ]
    assert chain_of("login") == ["login"]


def test_a_ring_of_new_types_is_refused_with_the_path_of_each_item_in_it(import_text):
    refused = import_text(
        types(
            {"name": "start", "fallback": "a"},
            {"name": "a", "fallback": "b"},
            {"name": "b", "fallback": "a"},
        )
    )
    text = "fallback: The fallbacks form a cycle."
    assert refused.problems == [f"mobile_authentication_types[{number}].{text}" for number in (1, 2)]
    assert not MobileAuthenticationType.objects.exists()


def test_a_ring_through_types_that_the_file_leaves_out_is_refused(import_text):
    last = factories.TypeFactory(name="last")
    middle = factories.TypeFactory(name="middle", fallback=last)
    factories.TypeFactory(name="first", fallback=middle)
    refused = import_text(types({"name": "last", "fallback": "first"}))
    assert refused.problems == ["mobile_authentication_types[0].fallback: The fallbacks form a cycle."]
    assert chain_of("first") == ["first", "middle", "last"]


def test_a_ring_can_be_turned_round_in_one_import(import_text):
    last = factories.TypeFactory(name="last")
    factories.TypeFactory(name="first", fallback=last)
    done = import_text(types({"name": "last", "fallback": "first"}, {"name": "first", "fallback": None}))
    assert done.code == 0, done.err
    assert chain_of("last") == ["last", "first"]


def test_a_type_that_others_fall_back_to_cannot_become_otp(import_text):
    factories.TypeFactory(name="login", fallback=factories.TypeFactory(name="text", method="sms"))
    refused = import_text(types({"name": "text", "method": "otp"}))
    assert refused.problems == [
        "mobile_authentication_types[0]: “login” uses this item as its fallback: An OTP type cannot be a fallback."
    ]
    assert import_text(types({"name": "text", "method": "otp"}, {"name": "login", "fallback": None})).code == 0


def test_a_long_chain_is_stored_whole(import_text, django_assert_max_num_queries):
    names = [f"step-{number:02}" for number in range(40)]
    items = [{"name": name, "fallback": following} for name, following in zip(names, [*names[1:], None], strict=True)]
    with django_assert_max_num_queries(70):
        assert import_text(types(*items)).code == 0
    assert chain_of("step-00") == names


def test_thousands_of_fallbacks_in_a_row_are_taken(import_text, django_assert_max_num_queries):
    items = in_a_row(5000, None)
    with django_assert_max_num_queries(100):
        done = import_text(types(*items))
    assert (done.code, len(done.lines)) == (0, 5000)
    named = dict(MobileAuthenticationType.objects.values_list("name", "fallback__name"))
    assert named == {item["name"]: item["fallback"] for item in items}
    assert import_text(types(*items)).lines == ["Nothing to change."]


def test_a_ring_of_thousands_is_refused_with_a_line_for_each_in_it(import_text):
    refused = import_text(types(*in_a_row(5000, "step-1")))
    assert (refused.code, len(refused.problems)) == (1, 4999)
    assert refused.problems[0] == "mobile_authentication_types[1].fallback: The fallbacks form a cycle."
    assert not MobileAuthenticationType.objects.exists()


def test_exporting_fallbacks_asks_no_question_for_each_of_them(django_assert_num_queries):
    text = factories.TypeFactory(method="sms")
    for _number in range(5):
        factories.TypeFactory(fallback=text)
    # The first command on a database stores the key check value; each command reads it with two queries.
    run("export_configuration")
    with django_assert_num_queries(12):
        run("export_configuration")


def test_general_switches_for_text_messages_are_imported_and_exported(import_text):
    done = import_text('general: {sms_authentication_enabled: false, sms_sender_id: "Shop"}')
    assert done.lines == ['general: changed sms_authentication_enabled true → false, sms_sender_id "" → "Shop"']
    assert json.loads(run("export_configuration", "--format", "json").out)["general"]["sms_sender_id"] == "Shop"


def test_a_client_may_be_given_the_events(import_text):
    done = import_text("api_clients: [{name: P, client_id: p, client_secret: s, apis: [events]}]")
    assert done.code == 0, done.err


def test_a_language_that_the_console_does_not_ask_for_is_taken_and_kept(import_text, settings):
    settings.SUPPORTED_LOCALES = ["en"]
    assert import_text(types({"name": "a", "default_messages": {"en": "Hello", "fr": "Bonjour"}})).code == 0
    assert MobileAuthenticationType.objects.get().default_messages == {"en": "Hello", "fr": "Bonjour"}


def test_a_language_that_only_the_setting_knows_is_taken(import_text, settings):
    settings.SUPPORTED_LOCALES = ["en", "tlh_AQ"]
    assert import_text(types({"name": "a", "default_messages": {"en": "Hello", "tlh-aq": "nuqneH"}})).code == 0
    assert "Unknown language code." in import_text(types({"name": "a", "default_messages": {"tlh": "nuqneH"}})).err
