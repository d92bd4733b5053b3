"""Configuration file: Web Push, versions that use it, and allowed platforms."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from apps.push.models import PushMessagingConfiguration
from apps.push.providers.web_push import vapid
from apps.transactions.types import MobileAuthenticationType
from tests.commands.command_runner import run
from tests.fakes.apns_certificates import pem

pytestmark = pytest.mark.django_db
KEY = vapid.generate_private_key()
BROWSER = {"name": "browser", "platform": "web", "contact": "mailto:operator@example.com", "vapid_private_key": KEY}
ITEM = "push_messaging_configurations[0]"


def configurations(*items, versions=()):
    sections = {"push_messaging_configurations": list(items)}
    if versions:
        sections["applications"] = [{"identifier": "shop", "name": "Shop", "versions": list(versions)}]
    return json.dumps(sections)


def version(platform, **fields):
    return {"platform": platform, "version": "1.0.0", "push_messaging_configuration": "browser"} | fields


def stored():
    return PushMessagingConfiguration.objects.get()


def test_key_pair_and_versions_are_imported_and_exported(import_text):
    assert import_text(configurations(BROWSER, versions=[version("web"), version("android")])).code == 0
    assert stored().vapid_public_key == vapid.public_key(KEY)
    exported = run("export_configuration", "--with-secrets", "--format", "json").out
    [item] = json.loads(exported)["push_messaging_configurations"]
    assert item == BROWSER
    assert import_text(exported).lines == ["Nothing to change."]
    assert KEY not in run("export_configuration", "--format", "json").out


def test_key_can_be_pem(import_text):
    key = ec.generate_private_key(ec.SECP256R1())
    assert import_text(configurations(BROWSER | {"vapid_private_key": pem(key)})).code == 0
    raw = vapid.encode_base64(key.private_numbers().private_value.to_bytes(32))
    assert stored().vapid_private_key == raw
    # The same key in the other form is no change.
    assert import_text(configurations(BROWSER | {"vapid_private_key": raw})).lines == ["Nothing to change."]


INVALID_KEYS = {
    "zero": vapid.encode_base64(b"\0" * 32),
    "larger than the order": vapid.encode_base64(b"\xff" * 32),
    "short": vapid.encode_base64(b"\1" * 31),
    "text": "no key",
    "other curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "broken": "-----BEGIN PRIVATE KEY-----",
}


@pytest.mark.parametrize("key", INVALID_KEYS.values(), ids=INVALID_KEYS)
def test_invalid_key_is_rejected_without_being_printed(import_text, key):
    result = import_text(configurations(BROWSER | {"vapid_private_key": key}))
    assert result.code == 1
    assert result.problems[0].startswith(f"{ITEM}.vapid_private_key: ")
    assert not [problem for problem in result.problems if key in problem]


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"contact": ""}, "contact"),
        ({"contact": "operator@example.com"}, "contact"),
        ({"vapid_private_key": ""}, "vapid_private_key"),
        ({"endpoint": "https://example.com/"}, "endpoint"),
        ({"platform": "ios"}, "contact"),
    ],
)
def test_members_of_the_kind_are_required_and_others_rejected(import_text, change, member):
    result = import_text(configurations(BROWSER | change))
    assert result.code == 1
    assert [problem for problem in result.problems if problem.startswith(f"{ITEM}.{member}: ")], result.problems
    assert not PushMessagingConfiguration.objects.exists()


@pytest.mark.parametrize("change", [version("ios"), version("web", cordova=True), version("android", cordova=True)])
def test_versions_that_cannot_use_it_are_rejected(import_text, change):
    assert import_text(configurations(BROWSER, versions=[change])).code == 1


def test_change_to_another_kind_removes_the_key_pair(import_text):
    import_text(configurations(BROWSER))
    legacy = {"name": "browser", "platform": "android", "fcm_api_version": "legacy", "server_key": "AAAA:key"}
    assert import_text(configurations(legacy)).code == 0
    assert (stored().vapid_private_key, stored().vapid_public_key, stored().contact) == ("", "", "")


def test_allowed_platforms_are_imported_and_exported(import_text):
    item = {"name": "login", "method": "push", "allowed_platforms": ["android", "ios"]}
    assert import_text(json.dumps({"mobile_authentication_types": [item, {"name": "any"}]})).code == 0
    allowed = {row.name: row.allowed_platforms for row in MobileAuthenticationType.objects.all()}
    assert allowed == {"login": ["android", "ios"], "any": ["android", "ios", "web"]}
    exported = json.loads(run("export_configuration", "--format", "json").out)["mobile_authentication_types"]
    assert {row["name"]: row["allowed_platforms"] for row in exported} == allowed


@pytest.mark.parametrize("value", [[], ["windows"], "web"])
def test_invalid_platforms_are_rejected(import_text, value):
    result = import_text(json.dumps({"mobile_authentication_types": [{"name": "login", "allowed_platforms": value}]}))
    assert result.code == 1
    assert result.problems[0].startswith("mobile_authentication_types[0].allowed_platforms")


def test_sms_types_have_no_platforms(import_text):
    item = {"name": "text", "method": "sms", "allowed_platforms": ["ios"], "default_messages": {"en": "{code}"}}
    result = import_text(json.dumps({"mobile_authentication_types": [item]}))
    assert "mobile_authentication_types[0].allowed_platforms: SMS types have no platforms." in result.problems
