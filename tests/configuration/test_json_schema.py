"""The shipped JSON Schema is current, valid and as strict as possible."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from apps.configuration import file
from tests import factories
from tests.commands.command_runner import run

DOCS = Path(__file__).parents[2] / "docs"
SHIPPED = DOCS / "configuration.schema.json"
EXAMPLE = DOCS / "example-configuration.yaml"
MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text())
# Errors that depend on other items, several members, stored data, settings, or the meaning of a text.
ONLY_AN_IMPORT_SEES = {
    "application name", "bundle identifier", "bundle identifier on android", "bundle identifier without push",
    "certificate text", "code to phone with number matching", "code to phone with transaction signing",
    "code to phone without push", "colon in user name", "duplicate", "duplicate version", "endpoint", "env",
    "env inside", "env section", "fallback of a one-time password", "fallback of a text message", "fallback to itself",
    "foreign hash", "member of another kind", "message", "name twice", "network", "no secret", "no server key",
    "no service account", "nul", "one-time password as fallback", "other platform", "password without user name",
    "proxy from the environment", "proxy host", "proxy without host", "reference", "secret and hash", "server key",
    "service account", "service account text",
    "signing data required of a type that does not sign", "signing key text", "taken name", "team", "unknown fallback",
    "number on a code", "signature of a code", "unknown language", "unknown language with a region", "url",
}  # fmt: skip


@pytest.fixture(scope="module")
def validator():
    return Draft202012Validator(json.loads(SHIPPED.read_text()))


def test_list_of_errors_outside_the_schema_is_current():
    assert set(MISTAKES) >= ONLY_AN_IMPORT_SEES


def faults(validator, text):
    return [error.json_path for error in validator.iter_errors(file.load(text.encode()))]


def test_shipped_schema_is_valid_and_current(db):
    written = run("export_configuration", "--schema").out
    Draft202012Validator.check_schema(json.loads(written))
    assert SHIPPED.read_text() == written, (
        "run: manage.py export_configuration --schema > docs/configuration.schema.json"
    )


def test_example_refers_to_the_schema_and_is_valid(validator):
    text = EXAMPLE.read_text()
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (EXAMPLE.parent / named).resolve() == SHIPPED
    assert faults(validator, text) == []


@pytest.mark.django_db
@pytest.mark.parametrize("options", [[], ["--with-secrets"]], ids=["without secrets", "with secrets"])
def test_schema_accepts_every_export(validator, secrets_in_environment, options):
    assert faults(validator, run("export_configuration", *options).out) == []
    assert run("import_configuration", str(EXAMPLE)).code == 0
    rotating = factories.ApiClientFactory(client_id="rotating")
    rotating.add_secret()
    rotating.save()
    factories.CallbackEndpointFactory(signing_secrets="\n".join(["whsec_" + "c2lnbmVk" * 4, "whsec_" + "b3RoZXJz" * 4]))
    for file_format in file.FORMATS:
        exported = run("export_configuration", "--format", file_format, *options).out
        assert "rotating" in exported
        assert faults(validator, exported) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_schema_rejects_every_error_of_the_file_alone(validator, name):
    is_refused = bool(faults(validator, MISTAKES[name]["file"]))
    assert is_refused == (name not in ONLY_AN_IMPORT_SEES)


@pytest.mark.parametrize(
    "text",
    [
        "features: {env: FEATURES}",
        "proxies: {apns: {env: PROXY}}",
        "api_clients: [{env: CLIENT}]",
        "api_clients: [{client_id: {env: A}, apis: [{env: B}], client_secret: [{env: C}, {env: D}]}]",
        "mobile_authentication_types: [{name: a, time_to_live: {env: A}, fallback: {env: B}, method: {env: C}}]",
        "mobile_authentication_types: [{name: a, fallback: null, default_messages: {nl: {env: A}, pt-BR: x}}]",
        "push_messaging_configurations: [{name: a, service_account: {private_key: {env: A}}}]",
        "confirmation_templates: {env: TEMPLATES}",
    ],
)
def test_any_value_can_be_read_from_the_environment(validator, text):
    assert faults(validator, text) == []


def test_schema_and_secrets_cannot_be_combined(db):
    # The two options contradict each other.
    assert run("export_configuration", "--schema", "--with-secrets").code == 1
