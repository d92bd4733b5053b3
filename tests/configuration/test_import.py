"""Changes of the database by an import, and rejected files."""

import json
from pathlib import Path

import pytest
import yaml

from apps.applications.models import ApiClient, Application, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.system.models import ApnsProxy, Features, GeneralConfiguration
from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.commands.command_runner import run
from tests.configuration.conftest import certificate
from tests.conftest import Portal

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-configuration.yaml"
UNKNOWN_TRANSACTION = "00000000-0000-4000-8000-000000000000"

pytestmark = pytest.mark.django_db


def import_events():
    return Event.objects.filter(event_type="ADMIN_CONFIGURATION_IMPORTED")


def test_example_file_is_checked_and_imported_idempotently(secrets_in_environment):
    checked = run("import_configuration", str(EXAMPLE), "--check")
    assert (checked.code, ApiClient.objects.count(), import_events().count()) == (0, 0, 0)

    result = run("import_configuration", str(EXAMPLE))
    assert (result.code, result.lines) == (0, checked.lines)
    assert "applications[shop].versions[android 1.0.0]: created" in result.lines
    version = ApplicationVersion.objects.get(platform="android")
    assert version.push_messaging_configuration.service_account_info == factories.service_account()
    assert version.push_messaging_configuration.project_id == factories.service_account()["project_id"]
    assert CallbackEndpoint.objects.get().password == "callback-password"
    apple = ApplicationVersion.objects.get(platform="ios")
    assert apple.push_messaging_configuration.signing_key == secrets_in_environment["APNS_SIGNING_KEY"]
    assert (apple.bundle_identifier, apple.send_badge_number) == ("com.example.shop", True)
    assert ApnsProxy.objects.get().password == "proxy-password"

    repeated = run("import_configuration", str(EXAMPLE))
    assert (repeated.code, repeated.lines) == (0, ["Nothing to change."])
    assert import_events().count() == 1


def test_imported_client_can_authenticate_with_its_secret(import_text, client):
    import_text("api_clients: [{name: P, client_id: p, client_secret: s-3-cret, apis: [mobile_authentication]}]")
    portal = Portal(client, ApiClient.objects.get(), secret="s-3-cret")
    assert portal.result(UNKNOWN_TRANSACTION).json()["error_code"] == "3004"
    assert Portal(client, ApiClient.objects.get(), secret="other").result(UNKNOWN_TRANSACTION).status_code == 401


def test_imported_id_and_secret_can_contain_all_visible_characters(import_text, client):
    visible = "".join(map(chr, range(0x20, 0x7F)))
    item = {"name": "P", "client_id": visible, "client_secret": visible, "apis": ["mobile_authentication"]}
    text = json.dumps({"api_clients": [item]})
    assert import_text(text, name="configuration.json").code == 0
    assert ApiClient.objects.get().has_secret(visible)
    assert import_text(text, name="configuration.json").lines == ["Nothing to change."]
    exported = run("export_configuration", "--with-secrets")
    assert import_text(exported.out).lines == ["Nothing to change."]


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_import_warns_of_discouraged_values(import_text, option):
    text = yaml.safe_dump(
        {
            "push_messaging_configurations": [
                {"name": "apple", "platform": "ios", "certificate": certificate(), "apns_environment": "production"},
                {"name": "gateway", "fcm_api_version": "legacy", "server_key": "key"},
                {"name": "google", "service_account": factories.service_account()},
            ],
            "mobile_authentication_types": [
                {"name": "short", "time_to_live": 600},
                {"name": "long", "time_to_live": 601},
            ],
        }
    )
    result = import_text(text, *option)
    assert (result.code, len(result.lines)) == (0, 5)
    configurations = "Warning: push_messaging_configurations"
    assert [line.partition(": ")[2].partition(": ")[0] for line in result.problems] == [
        "push_messaging_configurations[0].certificate",
        "push_messaging_configurations[1].fcm_api_version",
        "mobile_authentication_types[1].time_to_live",
    ]
    assert result.problems[0].startswith(f"{configurations}[0].certificate: APNs certificates are deprecated")
    assert result.problems[1].startswith(f"{configurations}[1].fcm_api_version: Google shut down its legacy API")
    assert "A lifetime above 600 seconds" in result.problems[2]
    assert MobileAuthenticationType.objects.count() == (0 if option else 2)


def test_rejected_file_causes_no_warnings(import_text):
    result = import_text("mobile_authentication_types: [{name: a, time_to_live: 601}, {name: b, time_to_live: 0}]")
    assert (result.code, len(result.problems)) == (1, 1)


def test_two_secrets_are_active_during_a_rotation(import_text):
    row = factories.ApiClientFactory(client_id="portal")
    changed = import_text(f"api_clients: [{{client_id: portal, client_secret: [new, {factories.CLIENT_SECRET}]}}]")
    assert changed.lines == ["api_clients[portal]: changed client_secret"]
    old_hash = row.secret_hashes[0]
    row.refresh_from_db()
    assert row.has_secret("new")
    assert row.secret_hashes[1] == old_hash

    import_text("api_clients: [{client_id: portal, client_secret: new}]")
    row.refresh_from_db()
    assert row.has_secret("new")
    assert not row.has_secret(factories.CLIENT_SECRET)
    repeated = import_text("api_clients: [{client_id: portal, client_secret: new}]")
    assert repeated.lines == ["Nothing to change."]


def test_secret_hashed_with_an_older_key_is_unchanged(import_text, settings):
    factories.ApiClientFactory(client_id="portal")
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32, *settings.FIELD_ENCRYPTION_KEYS]
    repeated = import_text(f"api_clients: [{{client_id: portal, client_secret: {factories.CLIENT_SECRET}}}]")
    assert repeated.lines == ["Nothing to change."]


def test_service_account_with_an_invalid_project_is_rejected(import_text):
    account = {**factories.service_account(), "project_id": "../../other"}
    rejected = import_text(json.dumps({"push_messaging_configurations": [{"name": "a", "service_account": account}]}))
    path = "push_messaging_configurations[0].service_account"
    assert rejected.problems == [f"{path}: The service account's “project_id” is not the name of a Google project."]


def test_deeply_nested_service_account_is_rejected(import_text):
    configuration = {"name": "a", "service_account": "[" * 100_000}
    rejected = import_text(json.dumps({"push_messaging_configurations": [configuration]}))
    [problem] = rejected.problems
    assert problem.startswith("push_messaging_configurations[0].service_account: The file is not JSON.")


def test_changes_are_printed_and_omitted_members_are_kept(import_text):
    mobile_type = factories.TypeFactory(name="login", time_to_live=60)
    GeneralConfiguration.objects.create(callback_on_expiry=True)
    result = import_text(
        "general: {push_enrollment_mode: multiple_devices}\n"
        "mobile_authentication_types: [{name: login, time_to_live: 90, default_messages: {en: Hello}}]"
    )
    assert result.lines == [
        "general: changed push_enrollment_mode single_device → multiple_devices",
        "mobile_authentication_types[login]: changed time_to_live 60 → 90, default_messages",
    ]
    mobile_type.refresh_from_db()
    assert (mobile_type.time_to_live, mobile_type.default_messages) == (90, {"en": "Hello"})
    assert GeneralConfiguration.objects.get().callback_on_expiry is True


def test_version_is_added_to_an_existing_application(import_text):
    version = factories.ApplicationVersionFactory(application__identifier="shop", version="1.0.0")
    name = version.push_messaging_configuration.name
    result = import_text(
        "applications: [{identifier: shop, versions: [{platform: android, version: 1.0.0, status: login_only}, "
        f"{{platform: android, version: 2.0.0, push_messaging_configuration: {name}}}]}}]"
    )
    assert result.lines == [
        "applications[shop].versions[android 1.0.0]: changed status enabled → login_only",
        "applications[shop].versions[android 2.0.0]: created",
    ]
    assert Application.objects.get().versions.count() == 2
    version.refresh_from_db()
    assert version.push_messaging_configuration is not None


def test_new_service_account_replaces_cached_access_tokens(import_text):
    configuration = factories.PushMessagingConfigurationFactory(name="google")
    account = {**factories.service_account(), "project_id": "another-project"}
    result = import_text(
        json.dumps({"push_messaging_configurations": [{"name": "google", "service_account": account}]})
    )
    assert result.lines == ["push_messaging_configurations[google]: changed service_account"]
    changed = PushMessagingConfiguration.objects.get()
    assert changed.project_id == "another-project"
    assert changed.updated_at > configuration.updated_at


def test_event_contains_the_changes_without_secrets(import_text, secrets_in_environment):
    run("import_configuration", str(EXAMPLE))
    event = import_events().get()
    assert event.details["who"] == "command"
    assert "api_clients[portal]: created" in event.details["lines"]
    private_key = factories.service_account()["private_key"].splitlines()[1]
    signing_key = secrets_in_environment["APNS_SIGNING_KEY"].splitlines()[1]
    for secret in (factories.CLIENT_SECRET, "callback-password", "proxy-password", private_key, signing_key):
        assert secret not in str(event.details)


def test_url_is_printed_without_its_credentials(import_text):
    result = import_text('callback_endpoints: [{url: "https://anna:pass-word@portal.example.com/back?key=abc"}]')
    assert result.lines == ["callback_endpoints[https://portal.example.com/back]: created"]


def test_change_of_a_text_contains_both_values_unless_long_or_secret(import_text):
    factories.ApplicationFactory(identifier="shop", name="Shop")
    factories.PushMessagingConfigurationFactory(name="google", endpoint="https://user:pass-word@a.example/send")
    result = import_text("applications: [{identifier: shop, name: 'Shop “2”'}]")
    assert result.lines == ['applications[shop]: changed name "Shop" → "Shop “2”"']
    long = "x" * 61
    assert import_text(f"applications: [{{identifier: shop, name: {long}}}]").lines == [
        "applications[shop]: changed name"
    ]
    for endpoint, change in (
        ("https://b.example/send?key=pass-word", "endpoint"),
        ("https://b.example/send", 'endpoint → "https://b.example/send"'),
        ("https://c.example/send", 'endpoint "https://b.example/send" → "https://c.example/send"'),
        ("https://pass-word@c.example/send", "endpoint"),
    ):
        changed = import_text(f'push_messaging_configurations: [{{name: google, endpoint: "{endpoint}"}}]')
        assert changed.lines == [f"push_messaging_configurations[google]: changed {change}"]


def test_all_errors_are_reported_and_nothing_is_changed(import_text):
    rejected = import_text(
        "features: {mobile_authentication: false}\n"
        "mobile_authentication_types: [{name: good}, {name: bad, time_to_live: 0, method: pull}, {name: not good}]\n"
    )
    assert (rejected.code, rejected.out) == (1, "")
    assert rejected.problems == [
        (
            "mobile_authentication_types[1].method: Choose from: push, push_with_pin, push_with_fingerprint, "
            "push_with_custom_authenticator, otp, sms."
        ),
        "mobile_authentication_types[1].time_to_live: Ensure this value is greater than or equal to 1.",
        "mobile_authentication_types[2].name: Use letters, digits, “_”, “-” and “.” only.",
    ]
    assert not MobileAuthenticationType.objects.exists()
    assert not Features.objects.filter(mobile_authentication=False).exists()
    assert not import_events().exists()


MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text())


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_error_is_one_line_with_its_path(import_text, mistake):
    factories.PushMessagingConfigurationFactory(name="google")
    factories.ApiClientFactory(client_id="taken", name="Taken")
    rejected = import_text(mistake["file"])
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [mistake["problem"]])
    assert not import_events().exists()


def test_swap_of_two_names_in_one_import_is_rejected(import_text):
    factories.ApiClientFactory(client_id="a", name="A")
    factories.ApiClientFactory(client_id="b", name="B")
    rejected = import_text("api_clients: [{client_id: a, name: B}, {client_id: b, name: A}]")
    assert rejected.code == 1
    assert rejected.problems[0].startswith("file: The database rejected the file")
    assert ApiClient.objects.get(client_id="a").name == "A"


def test_any_value_can_be_read_from_the_environment(import_text, monkeypatch):
    for name, value in {"ON": "false", "LIFE": "45", "APIS": '["end_user"]', "SECRET": "0123", "NAME": "5"}.items():
        monkeypatch.setenv(f"COUNTERSIGN_{name}", value)
    result = import_text(
        "features: {mobile_authentication: {env: COUNTERSIGN_ON}}\n"
        "mobile_authentication_types: [{name: {env: COUNTERSIGN_NAME}, time_to_live: {env: COUNTERSIGN_LIFE}}]\n"
        "api_clients: [{name: P, client_id: p, client_secret: [{env: COUNTERSIGN_SECRET}], "
        "apis: {env: COUNTERSIGN_APIS}}]\n"
    )
    assert (result.code, result.err) == (0, "")
    assert Features.objects.get().mobile_authentication is False
    assert MobileAuthenticationType.objects.get().name == "5"
    assert MobileAuthenticationType.objects.get().time_to_live == 45
    assert ApiClient.objects.get().apis == ["end_user"]
    assert ApiClient.objects.get().has_secret("0123")


def test_import_replaces_a_password_that_cannot_be_decrypted(import_text, settings):
    endpoint = factories.CallbackEndpointFactory(url="http://127.0.0.1/a")
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    result = import_text('callback_endpoints: [{url: "http://127.0.0.1/a", username: a, password: "new"}]')
    assert result.lines == ['callback_endpoints[http://127.0.0.1/a]: changed username "portal" → "a", password']
    assert CallbackEndpoint.objects.get(pk=endpoint.pk).password == "new"


def test_import_of_thousands_of_types_uses_few_queries(import_text, django_assert_max_num_queries):
    items = "\n".join(f"- {{name: login-{number}, time_to_live: 300}}" for number in range(10_000))
    # The first command on a database stores the key check value.
    import_text("general: {}")
    with django_assert_max_num_queries(145):
        result = import_text(f"mobile_authentication_types:\n{items}\n")
    assert len(result.lines) == MobileAuthenticationType.objects.count() == 10_000
    details = import_events().get().details
    assert (details["changes"], len(details["lines"])) == (10_000, 100)
    with django_assert_max_num_queries(10):
        assert import_text(f"mobile_authentication_types:\n{items}\n").lines == ["Nothing to change."]
