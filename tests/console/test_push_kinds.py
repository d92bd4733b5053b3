"""Push messaging configurations with signing keys, server keys and certificates."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from tests import factories
from tests.console.conftest import errors, sign_in_again
from tests.fakes import apns_certificates

LIST = "/admin/push/pushmessagingconfiguration/"
ADD = f"{LIST}add/"
SERVER_KEY = "AAAA-a-key-that-only-the-gateway-knows"
APPLE = {"name": "apple", "platform": "ios", "team_id": "ABCDE12345", "key_id": "FGHIJ67890"}
LEGACY = {
    "name": "old-google",
    "platform": "android",
    "fcm_api_version": "legacy",
    "endpoint": "https://gateway.example.com/send",
    "new_server_key": SERVER_KEY,
}
HTTP_V1 = {"name": "google", "platform": "android", "fcm_api_version": "http_v1"}
P8 = apns_certificates.pem(ec.generate_private_key(ec.SECP256R1()))


def file(content):
    return SimpleUploadedFile("file", content if isinstance(content, bytes) else content.encode())


def service_account():
    return file(json.dumps(factories.service_account()))


def change_path(configuration):
    return f"{LIST}{configuration.pk}/change/"


def add(console, **fields):
    response = console.post(ADD, {name: value for name, value in fields.items() if value is not None})
    assert response.status_code == 302, errors(response)
    return PushMessagingConfiguration.objects.get()


@pytest.fixture
def apple(console):
    return add(console, **APPLE, signing_key_file=file(P8))


@pytest.fixture
def legacy(console):
    return add(console, **LEGACY)


@pytest.fixture
def certificate(db):
    pem = apns_certificates.Authority().client("com.example.shop", "ABCDE12345", ["production"])
    return PushMessagingConfiguration.objects.create(
        name="old-apple",
        platform="ios",
        certificate=pem,
        certificate_expires_at=timezone.now() + timezone.timedelta(days=200),
        apns_environment="production",
    )


def stored(configuration):
    return PushMessagingConfiguration.objects.get(pk=configuration.pk)


def test_signing_key_is_saved_with_team_and_key_id(apple):
    assert (apple.kind, apple.signing_key) == ("apns_token", P8)
    assert (apple.team_id, apple.key_id) == ("ABCDE12345", "FGHIJ67890")
    assert (apple.fcm_api_version, apple.project_id, apple.service_account) == ("", "", "")


def test_server_key_is_saved_for_legacy_api(legacy):
    assert (legacy.kind, legacy.server_key) == ("fcm_legacy", SERVER_KEY)
    assert legacy.message_url == "https://gateway.example.com/send"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"nothing", "The file is not a signing key."),
        (b"\xff\xfe\x00", "The file is not a text file."),
        (b"x" * 70_000, "too large"),
        (apns_certificates.pem(rsa.generate_private_key(65537, 2048)), "The key has the wrong type."),
        (apns_certificates.pem(ec.generate_private_key(ec.SECP384R1())), "The key has the wrong type."),
        (json.dumps({"type": "service_account"}), "This is the key file of a Google service account."),
    ],
    ids=["empty", "no key", "no text", "too large", "RSA", "P-384", "service account"],
)
def test_invalid_signing_key_is_rejected(console, content, text):
    page = console.post(ADD, {**APPLE, "signing_key_file": file(content)})
    assert set(errors(page)) == {"signing_key_file"}
    assert text in errors(page)["signing_key_file"]
    assert not PushMessagingConfiguration.objects.exists()


def test_invalid_signing_key_keeps_stored_key(console, apple):
    page = console.save(change_path(apple), signing_key_file=file("nothing"))
    assert set(errors(page)) == {"signing_key_file"}
    assert stored(apple).signing_key == P8


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"name": "x", "platform": "ios"}, {"team_id", "key_id", "signing_key_file"}),
        ({"name": "x", "platform": "android", "fcm_api_version": "legacy"}, {"new_server_key"}),
        ({"name": "x", "platform": "android", "fcm_api_version": "http_v1"}, {"service_account_file"}),
        ({"name": "x", "platform": "android"}, {"service_account_file"}),
    ],
)
def test_required_fields_depend_on_kind(console, fields, missing):
    assert set(errors(console.post(ADD, fields))) == missing


@pytest.mark.parametrize("fields", [{}, {"platform": ""}, {"platform": "windows"}])
def test_configuration_requires_known_platform(console, fields):
    assert "platform" in errors(console.post(ADD, {"name": "x", **fields}))


@pytest.mark.parametrize(
    ("fields", "foreign"),
    [
        (lambda: {**APPLE, "signing_key_file": file(P8), "service_account_file": service_account()}, "service_account"),
        (lambda: {**APPLE, "signing_key_file": file(P8), "new_server_key": SERVER_KEY}, "new_server_key"),
        (lambda: {**APPLE, "signing_key_file": file(P8), "endpoint": "https://a.example/"}, "endpoint"),
        (lambda: {**LEGACY, "service_account_file": service_account()}, "service_account_file"),
        (lambda: {**LEGACY, "signing_key_file": file(P8)}, "signing_key_file"),
        (lambda: {**HTTP_V1, "service_account_file": service_account(), "team_id": "ABCDE12345"}, "team_id"),
        (lambda: {**HTTP_V1, "service_account_file": service_account(), "new_server_key": SERVER_KEY}, "new_server"),
    ],
)
def test_fields_of_other_kind_are_rejected(console, fields, foreign):
    [(name, text)] = errors(console.post(ADD, fields())).items()
    assert name.startswith(foreign)
    assert "not allowed for" in text
    assert not PushMessagingConfiguration.objects.exists()


@pytest.mark.parametrize(("name", "value"), [("team_id", "abcde12345"), ("key_id", "ABC"), ("team_id", "ABCDE1234\n5")])
def test_apple_identifiers_have_ten_capitals_and_digits(console, name, value):
    page = console.post(ADD, {**APPLE, "signing_key_file": file(P8), name: value})
    assert set(errors(page)) == {name}


@pytest.mark.parametrize("key", ["a key", "schlüssel", "a\r\nX-Other: header", "x" * 4097])
def test_server_key_invalid_in_header_is_rejected(console, key):
    page = console.post(ADD, {**LEGACY, "new_server_key": key})
    assert set(errors(page)) == {"new_server_key"}
    assert key not in page.content.decode()


def test_keys_are_not_shown(console, apple, additional_legacy, certificate):
    hidden = [line for line in P8.splitlines() if "-----" not in line]
    hidden += [SERVER_KEY, certificate.certificate.splitlines()[1]]
    paths = [LIST, "/admin/", "/admin/events/event/"]
    for configuration in PushMessagingConfiguration.objects.all():
        paths += [change_path(configuration), *(f"{LIST}{configuration.pk}/{name}/" for name in ("history", "delete"))]
    paths += [f"/admin/events/event/{event.pk}/change/" for event in Event.objects.all()]
    for path in paths:
        page = console.get(path).content.decode()
        assert [text for text in hidden if text in page] == []


@pytest.fixture
def additional_legacy(console):
    assert console.post(ADD, LEGACY).status_code == 302


def test_rejected_form_does_not_return_server_key(console):
    page = console.post(ADD, {**LEGACY, "name": "no name"})
    assert set(errors(page)) == {"name"}
    assert SERVER_KEY not in page.content.decode()


def test_saving_without_credential_keeps_stored_credential(console, apple, changes):
    assert console.save(change_path(apple), team_id="ZZZZZ99999").status_code == 302
    assert (stored(apple).team_id, stored(apple).signing_key) == ("ZZZZZ99999", P8)
    assert "secrets_changed" not in changes("ADMIN_CONFIGURATION_UPDATED")


def test_server_key_is_kept_if_empty_or_replaced(console, legacy, changes):
    assert console.save(change_path(legacy), endpoint="https://other.example.com/send").status_code == 302
    assert stored(legacy).server_key == SERVER_KEY
    assert console.save(change_path(legacy), new_server_key="another").status_code == 302
    assert stored(legacy).server_key == "another"
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["server_key"]


def test_new_signing_key_replaces_stored_key(console, apple, changes):
    other = apns_certificates.pem(ec.generate_private_key(ec.SECP256R1()))
    assert console.save(change_path(apple), signing_key_file=file(other), key_id="NEWKEY1234").status_code == 302
    assert (stored(apple).signing_key, stored(apple).key_id) == (other, "NEWKEY1234")
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert (details["changes"], details["secrets_changed"]) == (
        {"key_id": ["FGHIJ67890", "NEWKEY1234"]},
        ["signing_key"],
    )


def test_api_change_clears_credential_of_other_api(console):
    google = add(console, **HTTP_V1, service_account_file=service_account())
    switched = console.save(change_path(google), fcm_api_version="legacy", new_server_key=SERVER_KEY)
    assert switched.status_code == 302
    now = stored(google)
    assert (now.kind, now.service_account, now.project_id, now.server_key) == ("fcm_legacy", "", "", SERVER_KEY)
    page = console.save(change_path(google), fcm_api_version="http_v1")
    assert set(errors(page)) == {"service_account_file"}
    back = console.save(change_path(google), fcm_api_version="http_v1", service_account_file=service_account())
    assert back.status_code == 302
    now = stored(google)
    assert (now.kind, now.server_key, now.service_account_info) == ("fcm_http_v1", "", factories.service_account())


def test_api_change_requires_server_key(console):
    google = add(console, **HTTP_V1, service_account_file=service_account())
    assert set(errors(console.save(change_path(google), fcm_api_version="legacy"))) == {"new_server_key"}
    assert stored(google).service_account_info == factories.service_account()


def test_platform_cannot_be_changed(console, apple):
    assert console.save(change_path(apple), platform="android").status_code == 302
    assert stored(apple).platform == "ios"
    assert "platform" not in console.form(change_path(apple))


def test_form_has_fields_of_platform(console, apple, additional_legacy):
    names = console.get(change_path(apple)).context["adminform"].form.fields
    assert set(names) == {"name", "team_id", "key_id", "signing_key_file"}
    legacy = PushMessagingConfiguration.objects.get(name="old-google")
    names = console.get(change_path(legacy)).context["adminform"].form.fields
    assert set(names) == {"name", "fcm_api_version", "service_account_file", "new_server_key", "endpoint"}


def test_upload_for_other_platform_is_ignored(console, apple):
    console.save(change_path(apple), service_account_file=service_account(), new_server_key=SERVER_KEY)
    assert (stored(apple).service_account, stored(apple).server_key) == ("", "")


def test_legacy_api_has_a_warning(console, legacy):
    for path in (ADD, change_path(legacy)):
        page = console.get(path).content.decode()
        assert 'data-shown-when="fcm_api_version=legacy"' in page
        assert "Google shut down its legacy API in 2024." in page


def test_fields_have_display_conditions(console, legacy):
    def shown_when(path):
        fields = console.get(path).context["adminform"].form.fields
        attributes = {name: field.widget.attrs.get("data-field-shown-when") for name, field in fields.items()}
        return {name: condition for name, condition in attributes.items() if condition}

    assert shown_when(ADD) == {
        "fcm_api_version": "platform=android",
        "service_account_file": "platform=android&fcm_api_version=http_v1",
        "new_server_key": "platform=android&fcm_api_version=legacy",
        "endpoint": "platform=android",
        "contact": "platform=web",
        "team_id": "platform=ios",
        "key_id": "platform=ios",
        "signing_key_file": "platform=ios",
    }
    assert shown_when(change_path(legacy)) == {
        "service_account_file": "fcm_api_version=http_v1",
        "new_server_key": "fcm_api_version=legacy",
    }


def test_certificate_configuration_can_only_be_renamed(console, certificate):
    before = stored(certificate)
    assert set(console.form(change_path(certificate))) == {"name"}
    renamed = console.save(
        change_path(certificate), name="renamed", team_id="ABCDE12345", signing_key_file=file(P8), platform="android"
    )
    assert renamed.status_code == 302
    now = stored(certificate)
    assert now.name == "renamed"
    assert (now.kind, now.certificate, now.signing_key) == ("apns_certificate", before.certificate, "")


def test_certificate_page_shows_environment_and_expiry(console, certificate):
    page = console.get(change_path(certificate)).content.decode()
    assert "Production" in page
    assert certificate.certificate_expires_at.strftime("%Y") in page
    assert "APNs certificates are deprecated" in page


def test_certificate_configuration_cannot_be_added(console):
    page = console.post(ADD, {"name": "x", "platform": "ios", "apns_environment": "production", "certificate": "x"})
    assert set(errors(page)) == {"team_id", "key_id", "signing_key_file"}


def test_undecryptable_key_can_be_replaced(console, apple, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes."]
    sign_in_again(console)
    assert console.get(change_path(apple)).status_code == 200
    assert console.save(change_path(apple), name="renamed").status_code == 302
    other = apns_certificates.pem(ec.generate_private_key(ec.SECP256R1()))
    assert console.save(change_path(apple), signing_key_file=file(other)).status_code == 302
    assert (stored(apple).name, stored(apple).signing_key) == ("renamed", other)
