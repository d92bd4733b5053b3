"""Signing secrets of callback endpoints in a configuration file."""

import base64
import json

import pytest

from apps.callbacks.models import CallbackEndpoint
from apps.events.models import Event
from tests.commands.command_runner import lose_keys, run

pytestmark = pytest.mark.django_db

URL = "https://portal.example.com/callback"
NEW, OLD, OTHER = ("whsec_" + base64.b64encode(bytes([number]) * 24).decode() for number in (1, 2, 3))
UNCHANGED = ["Nothing to change."]
RULE = "A signing secret must be “whsec_” followed by base64 of 24 to 64 bytes."
PLACE = "callback_endpoints[0].signing_secret"


def endpoint(**members):
    return json.dumps({"callback_endpoints": [{"url": URL, **members}]})


def live():
    return CallbackEndpoint.objects.get().active_signing_secrets


def exported(*options):
    return json.loads(run("export_configuration", "--format", "json", *options).out)["callback_endpoints"][0]


def test_a_secret_is_kept_beside_an_older_one_until_the_file_names_one_or_none(import_text):
    for value, stored, told in (
        ("", [], ""),
        (NEW, [NEW], NEW),
        ([NEW, OLD], [NEW, OLD], [NEW, OLD]),
        ([OLD, NEW], [OLD, NEW], [OLD, NEW]),
        ([OTHER], [OTHER], OTHER),
        ([OTHER, OTHER], [OTHER], OTHER),
        ("", [], ""),
        (OLD, [OLD], OLD),
        ([], [], ""),
    ):
        assert import_text(endpoint(signing_secret=value)).err == ""
        assert live() == stored
        assert import_text(endpoint(signing_secret=value)).lines == UNCHANGED
        assert exported("--with-secrets")["signing_secret"] == told
        assert import_text(run("export_configuration", "--with-secrets").out).lines == UNCHANGED
    assert "signing_secret" not in exported()


def test_what_the_file_leaves_out_stays_and_no_event_or_line_holds_a_secret(import_text):
    import_text(endpoint(signing_secret=[NEW, OLD]))
    changed = import_text(endpoint(username="portal"))
    assert live() == [NEW, OLD]
    changed = import_text(endpoint(signing_secret=[OTHER, NEW]))
    assert changed.lines == [f"callback_endpoints[{URL}]: changed signing_secret"]
    kept = json.dumps(list(Event.objects.values("details")))
    assert not [secret for secret in (NEW, OLD, OTHER) if secret in kept + changed.out]


@pytest.mark.parametrize(("variable", "stored"), [(NEW, [NEW]), (json.dumps([NEW, OLD]), [NEW, OLD]), ("", [])])
def test_a_secret_may_come_from_the_environment(import_text, monkeypatch, variable, stored):
    monkeypatch.setenv("SIGNING_SECRET", variable)
    text = endpoint(signing_secret={"env": "SIGNING_SECRET"})
    assert import_text(text).err == ""
    assert live() == stored
    assert import_text(text).lines == UNCHANGED


def test_an_export_with_secrets_restores_them(import_text):
    import_text(endpoint(signing_secret=[NEW, OLD], username="portal", password="p"))
    text = run("export_configuration", "--with-secrets").out
    CallbackEndpoint.objects.all().delete()
    assert import_text(text).err == ""
    assert live() == [NEW, OLD]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ("secret", [f"{PLACE}: {RULE}"]),
        (NEW.removeprefix("whsec_"), [f"{PLACE}: {RULE}"]),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), [f"{PLACE}: {RULE}"]),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), [f"{PLACE}: {RULE}"]),
        ([NEW, "secret"], [f"{PLACE}[1]: {RULE}"]),
        (["", ""], [f"{PLACE}[0]: {RULE}", f"{PLACE}[1]: {RULE}"]),
        ([NEW, OLD, OTHER], [f"{PLACE}: At most 2 secrets can be active at once."]),
        (5, [f"{PLACE}: Must be text. Put it in quotation marks."]),
        (None, [f"{PLACE}: Must be text."]),
        ({"a": "b"}, [f"{PLACE}: Must be text."]),
    ],
)
def test_a_wrong_secret_is_told_with_its_place_and_changes_nothing(import_text, value, problems):
    import_text(endpoint(signing_secret=OLD))
    refused = import_text(endpoint(signing_secret=value, username="portal"))
    assert (refused.code, refused.problems) == (1, problems)
    assert live() == [OLD]
    assert CallbackEndpoint.objects.get().username == ""


def test_what_no_key_opens_is_replaced_by_an_import(import_text, settings):
    import_text(endpoint(signing_secret=OLD))
    lose_keys(settings)
    assert import_text(endpoint(signing_secret=OLD)).lines != UNCHANGED
    assert live() == [OLD]
