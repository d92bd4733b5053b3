"""Content of an export, and its import into an empty database."""

import json

import pytest

from apps.applications.models import ApiClient, Application
from apps.callbacks.models import CallbackEndpoint
from apps.push.models import PushMessagingConfiguration
from apps.system import keys
from apps.system.models import GeneralConfiguration
from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.commands.command_runner import run

pytestmark = pytest.mark.django_db

HOSTILE = ["no", "1.0", "🔑", "two\nlines\n", ' "quoted": #', "&a *a !a", "{env: HOME", " edge ", "\x85\u2028", "=", ""]


@pytest.fixture
def configured():
    """Create rows of every section, with texts that need correct quoting."""
    GeneralConfiguration.objects.create(push_enrollment_mode="multiple_devices")
    factories.ApiClientFactory(client_id="zebra", name="Anna's & Zoë's: portal", ip_allow_list=["10.0.0.0/8", "::1"])
    factories.ApiClientFactory(client_id="Alpha")
    rotating = factories.ApiClientFactory(client_id="beta")
    rotating.add_secret()
    rotating.save()
    application = factories.ApplicationFactory(identifier="shop", name="yes")
    factories.ApplicationVersionFactory(application=application, version="1.0")
    factories.ApplicationVersionFactory(application=application, version="010", push_messaging_configuration=None)
    factories.ApplicationVersionFactory(platform="ios", push_messaging_configuration=None, status="disabled")
    for number, text in enumerate(HOSTILE):
        factories.TypeFactory(name=f"no.{number}", default_messages={"no": text, "en": text})
        factories.CallbackEndpointFactory(username=text.replace(":", "") or "portal", password=text)


def clear():
    for model in (Application, PushMessagingConfiguration, ApiClient, MobileAuthenticationType, CallbackEndpoint):
        model.objects.all().delete()
    GeneralConfiguration.objects.all().delete()


@pytest.mark.parametrize("file_format", ["yaml", "json"])
def test_export_with_secrets_restores_an_empty_database(configured, import_text, file_format):
    exported = run("export_configuration", "--with-secrets", "--format", file_format).out
    assert import_text(exported).lines == ["Nothing to change."]
    clear()
    result = import_text(exported)
    assert (result.code, result.err) == (0, "")
    assert run("export_configuration", "--with-secrets", "--format", file_format).out == exported
    assert ApiClient.objects.get(client_id="zebra").has_secret(factories.CLIENT_SECRET)
    assert len(ApiClient.objects.get(client_id="beta").secret_hashes) == 2


def test_client_without_a_secret_is_not_created_by_its_export(import_text):
    factories.ApiClientFactory(client_id="locked-out", secret_hashes=[])
    exported = run("export_configuration", "--with-secrets").out
    assert import_text(exported).lines == ["Nothing to change."]
    clear()
    assert import_text(exported).problems == ["api_clients[0].client_secret: This member is required for a new item."]


def test_secrets_are_exported_only_with_the_option(configured):
    without, with_them = (run("export_configuration", *options).out for options in ([], ["--with-secrets"]))
    private_key = factories.service_account()["private_key"].splitlines()[1]
    client_hash = ApiClient.objects.get(client_id="zebra").secret_hashes[0]
    for secret in (private_key, client_hash, "password", "service_account", "client_secret"):
        assert secret in with_them
        assert secret not in without


def test_items_and_languages_are_sorted(configured):
    exported = json.loads(run("export_configuration", "--format", "json").out)
    assert [item["client_id"] for item in exported["api_clients"]] == ["Alpha", "beta", "zebra"]
    assert list(exported["mobile_authentication_types"][0]["default_messages"]) == ["en", "no"]


def test_import_of_own_export_changes_nothing(configured, import_text):
    assert import_text(run("export_configuration").out).lines == ["Nothing to change."]


def test_export_of_an_empty_database_contains_the_defaults(db):
    exported = json.loads(run("export_configuration", "--format", "json").out)
    assert exported["features"] == {
        "mobile_authentication": True,
        "transaction_signing": True,
        "custom_authenticators": True,
        "geolocation": False,
    }
    assert exported["api_clients"] == []


def test_export_uses_a_constant_number_of_queries(configured, django_assert_max_num_queries):
    keys.verify()
    # Two of the queries verify the keys.
    with django_assert_max_num_queries(15):
        run("export_configuration", "--with-secrets")


def test_export_reports_a_secret_that_cannot_be_decrypted(configured, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    rejected = run("export_configuration", "--with-secrets")
    assert (rejected.code, rejected.out, len(rejected.problems)) == (1, "", 1)
    assert run("export_configuration").code == 0
