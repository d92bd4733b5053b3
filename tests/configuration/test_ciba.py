"""The settings of OpenID Connect CIBA in the configuration file."""

import json

import pytest

from apps.ciba.models import CibaClient
from tests.commands.command_runner import run
from tests.fakes import key_set

TYPES = (
    "mobile_authentication_types: [{name: pay, method: push}, {name: login, method: push}, {name: text, method: sms}]"
)
CLIENT = "{name: Agent, client_id: agent, client_secret: s-3-cret, apis: [ciba], ciba: %s}"


def _file(ciba, types=TYPES):
    return f"api_clients: [{CLIENT % ciba}]\n{types}\n"


def test_settings_are_imported_exported_and_changed(import_text):
    keys = json.dumps(key_set.public(key_set.key("one")))
    settings = f"{{authentication_methods: [private_key_jwt], jwks: {keys}, types: [pay, login], default_type: pay}}"
    assert import_text(_file(settings)).problems == []
    exported = json.loads(run("export_configuration", "--format", "json", "--with-secrets").out)["api_clients"][0]
    assert exported["ciba"] == {
        "delivery_mode": "poll",
        "authentication_methods": ["private_key_jwt"],
        "jwks": json.loads(keys),
        "jwks_uri": "",
        "types": ["login", "pay"],
        "default_type": "pay",
        "authorization_details_types": [],
    }
    assert import_text(json.dumps({"api_clients": [exported]})).lines == ["Nothing to change."]
    changed = "{delivery_mode: ping, notification_endpoint: 'https://agent.example.com/cb', types: [login]}"
    [line] = import_text(f"api_clients: [{{client_id: agent, ciba: {changed}}}]").lines
    assert line.startswith("api_clients[agent].ciba: changed delivery_mode poll → ping, notification_endpoint")
    assert line.endswith("types [login, pay] → [login]")
    settings = CibaClient.objects.get()
    assert (settings.delivery_mode, [row.name for row in settings.types.all()]) == ("ping", ["login"])
    import_text("api_clients: [{client_id: agent, ciba: {delivery_mode: poll}}]")
    assert CibaClient.objects.get().notification_endpoint == ""


@pytest.mark.parametrize(
    ("ciba", "problem"),
    [
        ("[]", "ciba: Must be a mapping."),
        ("{delivery_mode: fax}", "ciba.delivery_mode: Choose from: poll, ping, push."),
        ("{delivery_mode: ping}", "ciba.notification_endpoint: Required for ping and push."),
        ("{types: [none]}", "ciba.types[0]: There is no mobile authentication type “none”."),
        (
            "{types: [login, text]}",
            "ciba.types[1]: “text” cannot be used: the user must be able to approve on the device",
        ),
        ("{default_type: text}", "ciba.default_type: “text” cannot be used"),
        ("{authentication_methods: []}", "ciba.authentication_methods: This field cannot be blank."),
        ("{authentication_methods: [tls]}", "ciba.authentication_methods[0]: Choose at least one of"),
        ("{authentication_methods: [private_key_jwt]}", "ciba.jwks: A client that authenticates with a signed JWT"),
        ("{jwks: x}", "ciba.jwks: Must be a JWK Set"),
        ("{jwks: {keys: []}}", "ciba.jwks: The JWK Set has no usable key"),
        ("{jwks: {keys: [{kty: oct, k: c2VjcmV0}]}}", "ciba.jwks: The JWK Set contains a private key."),
        ("{jwks_uri: 'ftp://a'}", "ciba.jwks_uri: Enter an absolute URL"),
        ("{authorization_details_types: ['']}", "ciba.authorization_details_types[0]: Enter names of 1 to 100"),
    ],
)
def test_invalid_settings_are_rejected(import_text, ciba, problem):
    [found] = import_text(_file(ciba)).problems
    assert found.startswith(f"api_clients[0].{problem}")
    assert not CibaClient.objects.exists()


def test_http_endpoint_is_rejected_in_production(import_text, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    [problem] = import_text(_file("{delivery_mode: push, notification_endpoint: 'http://agent.example.com/'}")).problems
    assert problem == "api_clients[0].ciba.notification_endpoint: The URL must begin with https://."


def test_type_in_use_is_kept_from_becoming_unusable(import_text):
    import_text(_file("{types: [pay], default_type: pay}"))
    result = import_text("mobile_authentication_types: [{name: pay, method: sms, default_messages: {en: '{code}'}}]")
    [problem] = result.problems
    assert problem.startswith(
        "mobile_authentication_types[0]: “Agent” uses this item as its default_type: “pay” cannot"
    )
