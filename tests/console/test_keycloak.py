"""Page of Keycloak integrations: the form, the check of the realm, and the problems."""

import json

import pytest

from apps.integrations.models import KeycloakIntegration
from tests import factories
from tests.commands.command_runner import run
from tests.console.callback_pages import message_text
from tests.console.conftest import errors
from tests.console.test_deletion import assert_deletion_blocked
from tests.console.test_roles import sign_in_as
from tests.console.test_same_warnings import check_warnings, start_warnings
from tests.fakes.keycloak import CERTS, REALM
from tests.integrations.conftest import keycloak  # noqa: F401 - a fixture

LIST = "/admin/integrations/keycloakintegration/"


@pytest.fixture
def added(console, keycloak, mobile_type):  # noqa: F811
    """Add an integration on its page, and return it."""
    client = factories.ApiClientFactory(apis=["mobile_authentication"])
    fields = {"name": "demo", "realm_url": keycloak.realm_url, "api_client": str(client.pk), "type": mobile_type.pk}
    response = console.save(f"{LIST}add/", **fields)
    assert response.status_code == 302, errors(response)
    return KeycloakIntegration.objects.get()


def change_path(integration):
    return f"{LIST}{integration.pk}/change/"


def check(console, integration):
    return message_text(console.post(f"{LIST}{integration.pk}/check-realm/"))


def test_integration_shows_the_url_for_keycloak_and_blocks_the_deletion_of_its_type(console, added, changes, settings):
    assert changes("ADMIN_CONFIGURATION_CREATED")["object"] == "demo"
    page = console.get(change_path(added)).content.decode()
    assert f"{settings.PUBLIC_URL}/integrations/keycloak/demo" in page
    assert_deletion_blocked(console, added.type, "Keycloak integration", "demo")
    assert_deletion_blocked(console, added.api_client, "Keycloak integration", "demo")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"number_matching_digits": 2}, "it does not show the number"),
        ({"code_to_phone": True}, "it asks the user for no code"),
        ({"method": "sms"}, "Keycloak can only use push types"),
        ({"transaction_signing": True, "signing_data_required": True}, "that requires signing data"),
    ],
)
def test_type_that_needs_more_than_keycloak_has_is_rejected(console, added, fields, reason):
    unusable = factories.TypeFactory(name="unusable", **fields)
    page = console.save(change_path(added), type=unusable.pk)
    assert reason in errors(page)["type"]
    assert 'value="unusable"' not in console.get(change_path(added)).content.decode()


@pytest.mark.parametrize("url", ["sso.example.com", "https://sso.example.com/realms/demo/", "https://a/realms/b?c"])
def test_malformed_realm_url_is_rejected(console, added, url):
    assert errors(console.save(change_path(added), realm_url=url))["realm_url"]


def test_check_names_the_keys_of_the_realm_or_the_fault(console, keycloak, added, settings):  # noqa: F811
    assert "The realm can be reached. Its keys: RSA 2048 (1)." in check(console, added)
    discovery = {"status": 200, "body": json.dumps({"issuer": "https://sso.example.com/realms/demo"})}
    keycloak.script[f"{REALM}/.well-known/openid-configuration"] = [discovery]
    text = check(console, added)
    assert "The issuer of the realm is https://sso.example.com/realms/demo." in text
    assert "Enter this issuer in the integration." in text
    keycloak.script[CERTS] = [{"status": 404}, {"status": 302, "headers": {"Location": keycloak.url}}]
    assert "The keys of the realm cannot be fetched: HTTP 404." in check(console, added)
    assert "cannot be fetched: HTTP 302." in check(console, added)
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    assert "an address that is not public" in check(console, added)
    assert sign_in_as("operator").post(f"{LIST}{added.pk}/check-realm/").status_code == 403


def test_problems_are_on_the_start_page_and_in_the_check(console, added, mobile_type, settings):
    settings.BROKER_URL, settings.SMS_GATEWAY = "", "memory"
    assert start_warnings(console) == check_warnings(console) == set()
    mobile_type.number_matching_digits = 2
    mobile_type.save()
    added.api_client.apis = ["events"]
    added.api_client.save()
    KeycloakIntegration.objects.update(acr_types=["gone"])
    added.refresh_from_db()
    added.record_key_set_error("HTTP 502")
    warnings = start_warnings(console)
    assert {title for title, _text in warnings} == {
        "The keys of the realm of “demo” cannot be fetched",
        "The API client of “demo” cannot start authentications",
        "“demo” uses a type that Keycloak cannot use",
        "“demo” allows types that Keycloak cannot use",
    }
    assert warnings == check_warnings(console)
    page = console.get(change_path(added)).content.decode()
    assert all(
        text in page for text in ("Reason: HTTP 502", "acr_values are rejected: gone", "does not show the number")
    )
    assert console.save(change_path(added), acr_types=[]).status_code == 200
    KeycloakIntegration.objects.update(type=factories.TypeFactory())
    assert (
        console.save(change_path(added), acr_types=[], realm_url="https://sso.example.com/realms/b").status_code == 302
    )
    assert {title for title, _text in start_warnings(console)} == {
        "The API client of “demo” cannot start authentications"
    }


def test_file_exports_and_imports_integrations(console, added, tmp_path):
    path = tmp_path / "configuration.json"
    path.write_text(run("export_configuration", "--format", "json", "--with-secrets").out)
    [exported] = json.loads(path.read_text())["keycloak_integrations"]
    assert exported == {
        "name": "demo",
        "realm_url": added.realm_url,
        "issuer": "",
        "api_client": added.api_client.client_id,
        "type": added.type.name,
        "acr_types": [],
        "user_id_rule": "unchanged",
        "user_id_prefix": "",
        "user_id_suffix": "",
    }
    assert run("import_configuration", str(path)).lines == ["Nothing to change."]
    new = {**exported, "name": "new", "type": "login", "api_client": "sso", "acr_types": ["login"]}
    client = {"name": "Sso", "client_id": "sso", "client_secret": "s-3-cret", "apis": ["mobile_authentication"]}
    document = {"api_clients": [client], "mobile_authentication_types": [{"name": "login"}]}
    path.write_text(json.dumps({**document, "keycloak_integrations": [new]}))
    assert run("import_configuration", str(path)).problems == []
    created = KeycloakIntegration.objects.get(name="new")
    assert (created.type.name, created.api_client.client_id) == ("login", "sso")
    faults = {"type": "code", "api_client": "none", "realm_url": "x", "acr_types": ["a b"], "user_id_rule": "upper"}
    document = {"mobile_authentication_types": [{"name": "code", "method": "sms"}]}
    path.write_text(json.dumps({**document, "keycloak_integrations": [{**new, **faults}]}))
    problems = run("import_configuration", str(path)).problems
    path.write_text(json.dumps({"keycloak_integrations": [{"name": "new", "type": None}]}))
    assert run("import_configuration", str(path)).problems == [
        "keycloak_integrations[0].type: This field cannot be null."
    ]
    assert {problem.split(":")[0].partition(".")[2] for problem in problems} >= {
        *("api_client", "realm_url", "acr_types[0]", "user_id_rule")
    }
