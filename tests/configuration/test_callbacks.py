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
PATH = "callback_endpoints[0].signing_secret"


def endpoint(**members):
    return json.dumps({"callback_endpoints": [{"url": URL, **members}]})


def active_secrets():
    return CallbackEndpoint.objects.get().active_signing_secrets


def exported(*options):
    return json.loads(run("export_configuration", "--format", "json", *options).out)["callback_endpoints"][0]


def test_signing_secrets_are_replaced_by_those_of_the_file(import_text):
    for value, stored, exported_value in (
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
        assert active_secrets() == stored
        assert import_text(endpoint(signing_secret=value)).lines == UNCHANGED
        assert exported("--with-secrets")["signing_secret"] == exported_value
        assert import_text(run("export_configuration", "--with-secrets").out).lines == UNCHANGED
    assert "signing_secret" not in exported()


def test_omitted_secret_is_kept_and_changes_contain_no_secret(import_text):
    import_text(endpoint(signing_secret=[NEW, OLD]))
    changed = import_text(endpoint(username="portal"))
    assert active_secrets() == [NEW, OLD]
    changed = import_text(endpoint(signing_secret=[OTHER, NEW]))
    assert changed.lines == [f"callback_endpoints[{URL}]: changed signing_secret"]
    event_details = json.dumps(list(Event.objects.values("details")))
    assert not [secret for secret in (NEW, OLD, OTHER) if secret in event_details + changed.out]


@pytest.mark.parametrize(("variable", "stored"), [(NEW, [NEW]), (json.dumps([NEW, OLD]), [NEW, OLD]), ("", [])])
def test_secret_can_be_read_from_the_environment(import_text, monkeypatch, variable, stored):
    monkeypatch.setenv("SIGNING_SECRET", variable)
    text = endpoint(signing_secret={"env": "SIGNING_SECRET"})
    assert import_text(text).err == ""
    assert active_secrets() == stored
    assert import_text(text).lines == UNCHANGED


def test_export_with_secrets_restores_signing_secrets(import_text):
    import_text(endpoint(signing_secret=[NEW, OLD], username="portal", password="p"))
    text = run("export_configuration", "--with-secrets").out
    CallbackEndpoint.objects.all().delete()
    assert import_text(text).err == ""
    assert active_secrets() == [NEW, OLD]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ("secret", [f"{PATH}: {RULE}"]),
        (NEW.removeprefix("whsec_"), [f"{PATH}: {RULE}"]),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), [f"{PATH}: {RULE}"]),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), [f"{PATH}: {RULE}"]),
        ([NEW, "secret"], [f"{PATH}[1]: {RULE}"]),
        (["", ""], [f"{PATH}[0]: {RULE}", f"{PATH}[1]: {RULE}"]),
        ([NEW, OLD, OTHER], [f"{PATH}: At most 2 secrets can be active at once."]),
        (5, [f"{PATH}: Must be text. Put it in quotation marks."]),
        (None, [f"{PATH}: Must be text."]),
        ({"a": "b"}, [f"{PATH}: Must be text."]),
    ],
)
def test_invalid_secret_is_reported_with_its_path_and_changes_nothing(import_text, value, problems):
    import_text(endpoint(signing_secret=OLD))
    rejected = import_text(endpoint(signing_secret=value, username="portal"))
    assert (rejected.code, rejected.problems) == (1, problems)
    assert active_secrets() == [OLD]
    assert CallbackEndpoint.objects.get().username == ""


def test_import_replaces_a_secret_that_cannot_be_decrypted(import_text, settings):
    import_text(endpoint(signing_secret=OLD))
    lose_keys(settings)
    assert import_text(endpoint(signing_secret=OLD)).lines != UNCHANGED
    assert active_secrets() == [OLD]
