"""Push messaging configurations, versions and the proxy for APNs in a configuration file."""

import json
import re

import pytest

from apps.applications.models import Application, ApplicationVersion
from apps.push.models import PushMessagingConfiguration
from apps.system.models import ApnsProxy
from tests import factories
from tests.commands.command_runner import lose_keys, run
from tests.configuration.conftest import BUNDLE, authority, certificate, signing_key

pytestmark = pytest.mark.django_db

ITEM = "push_messaging_configurations[0]"


def apple(**fields):
    known = {"name": "apple", "platform": "ios", "team_id": "ABCDE12345", "key_id": "FGHIJ67890"}
    return known | {"signing_key": signing_key()} | fields


def old_apple(**fields):
    return {"name": "apple", "platform": "ios", "certificate": certificate(), "apns_environment": "production"} | fields


def google(**fields):
    return {"name": "google", "platform": "android", "service_account": factories.service_account()} | fields


def old_google(**fields):
    return {"name": "google", "platform": "android", "fcm_api_version": "legacy", "server_key": "AAAA:key"} | fields


def configurations(*items, versions=()):
    sections = {"push_messaging_configurations": list(items)}
    if versions:
        sections["applications"] = [{"identifier": "shop", "name": "Shop", "versions": list(versions)}]
    return json.dumps(sections)


def ios(**fields):
    known = {"platform": "ios", "version": "1.0.0", "push_messaging_configuration": "apple"}
    return known | {"bundle_identifier": BUNDLE} | fields


def stored():
    return PushMessagingConfiguration.objects.get()


# The members with warnings, if all kinds are imported.
DEPRECATED = ["certificate", "fcm_api_version"]


def deprecated(result):
    """Return the members in the warnings on standard error, one for each line."""
    return [
        re.fullmatch(r"Warning: push_messaging_configurations\[\d\]\.(\w+): .+", line)[1] for line in result.problems
    ]


@pytest.fixture
def every_kind(import_text):
    """Import one configuration of each kind, with versions, and a proxy."""
    text = json.loads(
        configurations(
            apple(),
            old_apple(name="old-apple", apns_environment="development"),
            google(endpoint="http://127.0.0.1:9/send"),
            old_google(name="old-google"),
            versions=[
                ios(
                    apns_environment="development",
                    send_badge_number=True,
                    mutable_content=True,
                    notification_category="SIGN_IN",
                    interruption_level="time-sensitive",
                ),
                ios(version="2.0.0"),
                ios(version="0.9.0", push_messaging_configuration="old-apple", bundle_identifier=""),
                {"platform": "android", "version": "1.0.0", "push_messaging_configuration": "google", "cordova": True},
                {"platform": "android", "version": "0.9.0", "push_messaging_configuration": "old-google"},
            ],
        )
    )
    proxy = {"enabled": True, "host": "proxy.example.com", "port": 3128, "username": "shop", "password": "pass-word"}
    result = import_text(json.dumps(text | {"proxies": {"apns": proxy}}))
    assert (result.code, deprecated(result)) == (0, DEPRECATED)


@pytest.mark.parametrize("file_format", ["yaml", "json"])
def test_export_with_secrets_restores_every_kind(every_kind, import_text, file_format):
    exported = run("export_configuration", "--with-secrets", "--format", file_format).out
    assert import_text(exported).lines == ["Nothing to change."]
    Application.objects.all().delete()
    PushMessagingConfiguration.objects.all().delete()
    ApnsProxy.objects.all().delete()
    result = import_text(exported)
    assert (result.code, deprecated(result)) == (0, DEPRECATED)
    assert run("export_configuration", "--with-secrets", "--format", file_format).out == exported
    assert import_text(exported).lines == ["Nothing to change."]
    row = PushMessagingConfiguration.objects.get(name="old-apple")
    assert (row.certificate, row.certificate_expires_at is None) == (certificate(), False)
    assert ApnsProxy.objects.get().password == "pass-word"


def test_export_contains_only_the_members_of_the_kind(every_kind):
    exported = json.loads(run("export_configuration", "--with-secrets", "--format", "json").out)
    exported_members = {item["name"]: sorted(item) for item in exported["push_messaging_configurations"]}
    assert exported_members == {
        "apple": ["key_id", "name", "platform", "signing_key", "team_id"],
        "google": ["endpoint", "fcm_api_version", "name", "platform", "service_account"],
        "old-apple": ["apns_environment", "certificate", "name", "platform"],
        "old-google": ["endpoint", "fcm_api_version", "name", "platform", "server_key"],
    }
    assert exported["applications"][0]["versions"][-2:] == [
        {
            "platform": "ios",
            "version": "1.0.0",
            "status": "enabled",
            "push_messaging_configuration": "apple",
            "apns_environment": "development",
            "bundle_identifier": BUNDLE,
            "send_badge_number": True,
            "mutable_content": True,
            "notification_category": "SIGN_IN",
            "interruption_level": "time-sensitive",
        },
        {
            "platform": "ios",
            "version": "2.0.0",
            "status": "enabled",
            "push_messaging_configuration": "apple",
            "apns_environment": "production",
            "bundle_identifier": BUNDLE,
            "send_badge_number": False,
            "mutable_content": False,
            "notification_category": "",
            "interruption_level": "active",
        },
    ]
    assert exported["proxies"]["apns"]["host"] == "proxy.example.com"


def test_export_without_secrets_contains_none_and_changes_nothing(every_kind, import_text):
    exported = run("export_configuration").out
    for secret in (signing_key(), certificate()):
        assert secret.splitlines()[1] not in exported
    for secret in ("AAAA:key", "pass-word", "signing_key", "certificate", "server_key", "service_account"):
        assert secret not in exported
    result = import_text(exported)
    assert (deprecated(result), result.lines) == (DEPRECATED, ["Nothing to change."])


def test_change_of_a_key_does_not_contain_it(import_text):
    import_text(configurations(apple()))
    result = import_text(configurations({"name": "apple", "key_id": "NEWKEY1234", "signing_key": signing_key() + "\n"}))
    assert result.lines == ['push_messaging_configurations[apple]: changed key_id "FGHIJ67890" → "NEWKEY1234"']


def test_certificate_and_signing_key_replace_each_other(import_text):
    import_text(configurations(apple(), versions=[ios()]))
    item = {"name": "apple", "certificate": certificate(), "apns_environment": "production"}
    assert import_text(configurations(item)).lines == [
        (
            "push_messaging_configurations[apple]: changed certificate, apns_environment → production, "
            "team_id removed, key_id removed, signing_key removed"
        )
    ]
    assert (stored().kind, stored().signing_key, stored().team_id) == ("apns_certificate", "", "")
    assert import_text(configurations(apple())).lines == [
        (
            'push_messaging_configurations[apple]: changed team_id "" → "ABCDE12345", key_id "" → "FGHIJ67890", '
            "signing_key, certificate removed, apns_environment removed"
        )
    ]
    row = stored()
    assert (row.kind, row.certificate, row.certificate_expires_at) == ("apns_token", "", None)
    assert import_text(configurations(apple())).lines == ["Nothing to change."]


def test_signing_key_and_certificate_cannot_be_combined(import_text):
    rejected = import_text(configurations(apple(certificate=certificate(), apns_environment="production")))
    text = "This field is not allowed for: APNs with a certificate."
    assert rejected.problems == [f"{ITEM}.{name}: {text}" for name in ("team_id", "key_id", "signing_key")]


def test_versions_without_members_of_the_new_kind_are_reported(import_text):
    import_text(configurations(old_apple(), versions=[ios(bundle_identifier="")]))
    text = "The bundle identifier is required for a signing key."
    rejected = import_text(configurations(apple()))
    assert rejected.problems == [
        f"{ITEM}: “Shop 1.0.0 (iOS)” uses this item as its push_messaging_configuration: {text}"
    ]
    # The result is the same if the file contains the version without the required member.
    named = {"platform": "ios", "version": "1.0.0", "status": "login_only"}
    rejected = import_text(configurations(apple(), versions=[named]))
    assert rejected.problems == [f"applications[0].versions[0].bundle_identifier: {text}"]
    assert stored().kind == "apns_certificate"
    assert import_text(configurations(apple(), versions=[named | {"bundle_identifier": BUNDLE}])).code == 0


def test_configuration_can_change_between_http_v1_and_legacy(import_text):
    import_text(configurations(google()))
    result = import_text(configurations(old_google()))
    assert result.lines == [
        (
            "push_messaging_configurations[google]: changed fcm_api_version http_v1 → legacy, server_key, "
            "service_account removed"
        )
    ]
    row = stored()
    assert (row.service_account, row.project_id, row.server_key) == ("", "", "AAAA:key")
    result = import_text(configurations(google(fcm_api_version="http_v1")))
    assert result.lines == [
        (
            "push_messaging_configurations[google]: changed fcm_api_version legacy → http_v1, service_account, "
            "server_key removed"
        )
    ]
    assert stored().server_key == ""


def test_change_of_platform_clears_members_of_the_old_platform(import_text):
    import_text(configurations(google()))
    result = import_text(configurations(apple(name="google")))
    assert result.code == 0, result.err
    assert (stored().fcm_api_version, stored().service_account) == ("", "")
    assert import_text(configurations(google())).code == 0
    assert (stored().kind, stored().fcm_api_version, stored().team_id) == ("fcm_http_v1", "http_v1", "")
    assert import_text(run("export_configuration", "--with-secrets").out).lines == ["Nothing to change."]


def test_platform_of_a_configuration_in_use_cannot_be_changed(import_text):
    import_text(configurations(apple(), versions=[ios()]))
    rejected = import_text(configurations(google(name="apple")))
    assert rejected.problems[0] == f"{ITEM}.platform: Versions of another platform use this configuration."
    assert stored().platform == "ios"


def test_service_account_is_rejected_for_ios(import_text):
    rejected = import_text(configurations(apple(service_account=factories.service_account())))
    assert rejected.problems == [f"{ITEM}.service_account: This field is not allowed for: APNs with a signing key."]


def test_rsa_key_is_rejected_as_signing_key(import_text):
    rejected = import_text(configurations(apple(signing_key=factories.service_account()["private_key"])))
    text = "The key has the wrong type. Apple's signing keys are elliptic curve keys (P-256)."
    assert rejected.problems == [f"{ITEM}.signing_key: {text}"]


def test_certificate_with_another_key_is_rejected(import_text):
    other = certificate().partition("-----BEGIN PRIVATE KEY-----")[0] + signing_key()
    rejected = import_text(configurations(old_apple(certificate=other)))
    assert rejected.problems == [f"{ITEM}.certificate: The private key does not belong to the certificate."]


def test_certificate_without_environment_is_rejected(import_text):
    item = old_apple()
    del item["apns_environment"]
    rejected = import_text(configurations(item))
    assert rejected.problems == [f"{ITEM}.apns_environment: This field is required for: APNs with a certificate."]


def test_expired_certificate_is_accepted(import_text):
    expired = authority().client(BUNDLE, "ABCDE12345", ["production"], days=-2)
    assert import_text(configurations(old_apple(certificate=expired))).code == 0


def test_version_without_required_push_members_is_rejected(import_text):
    version = "applications[0].versions[0]"
    rejected = import_text(configurations(apple(), versions=[ios(bundle_identifier="")]))
    assert rejected.problems == [f"{version}.bundle_identifier: The bundle identifier is required for a signing key."]
    rejected = import_text(configurations(google(), versions=[ios(push_messaging_configuration="google")]))
    text = "This push messaging configuration is for another platform."
    assert rejected.problems == [f"{version}.push_messaging_configuration: {text}"]
    assert not ApplicationVersion.objects.exists()


def test_line_ending_of_a_server_key_is_removed(import_text):
    import_text(configurations(old_google(server_key="AAAA:key\n")))
    assert stored().server_key == "AAAA:key"


def test_import_replaces_a_signing_key_that_cannot_be_decrypted(import_text, settings):
    import_text(configurations(apple()))
    lose_keys(settings)
    assert run("export_configuration").code == 0
    assert run("export_configuration", "--with-secrets").code == 1
    assert import_text(configurations(apple())).lines == ["push_messaging_configurations[apple]: changed signing_key"]
    assert stored().signing_key == signing_key()


def test_change_of_the_proxy_is_printed_without_its_password(import_text):
    text = "proxies: {apns: {enabled: true, host: proxy.example.com, username: a, password: pass-word}}"
    result = import_text(text)
    assert result.lines == [
        'proxies.apns: changed enabled false → true, host "" → "proxy.example.com", username "" → "a", password'
    ]
    row = ApnsProxy.objects.get()
    assert (row.enabled, row.host, row.port, row.password) == (True, "proxy.example.com", 8080, "pass-word")
    assert import_text(text).lines == ["Nothing to change."]
    assert import_text("proxies: {}").lines == ["Nothing to change."]
    assert import_text("proxies: {apns: {enabled: false}}").lines == ["proxies.apns: changed enabled true → false"]
    assert ApnsProxy.objects.get().password == "pass-word"
