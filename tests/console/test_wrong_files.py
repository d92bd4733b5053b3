"""Files that administrators upload in place of a credential are named in the error."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PublicFormat,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.push.models import PushMessagingConfiguration
from tests import factories
from tests.console.conftest import errors
from tests.fakes import apns_certificates

ADD = "/admin/push/pushmessagingconfiguration/add/"
APPLE = {"name": "apple", "platform": "ios", "team_id": "ABCDE12345", "key_id": "FGHIJ67890"}
GOOGLE = {"name": "google", "platform": "android", "fcm_api_version": "http_v1"}
KEY = apns_certificates.signing_key()
CERTIFICATE = apns_certificates.Authority().certificate
GOOGLE_SERVICES = json.dumps({"project_info": {"project_id": "shop"}, "client": [], "configuration_version": "1"})
PROFILE = b"\x30\x82\xff\xfe<plist><key>TeamIdentifier</key></plist>"


def public_key():
    return KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der_certificate():
    return load_pem_x509_certificate(CERTIFICATE.encode()).public_bytes(Encoding.DER)


def key_store():
    key = rsa.generate_private_key(65537, 2048)
    return pkcs12.serialize_key_and_certificates(b"push", key, None, None, BestAvailableEncryption(b"secret"))


WRONG_FILES = {
    "google-services.json": (GOOGLE_SERVICES, "This is google-services.json"),
    "plist": ("<plist><dict><key>GOOGLE_APP_ID</key></dict></plist>", "This is GoogleService-Info.plist"),
    "web app": ('const firebaseConfig = {\n  apiKey: "AIza"\n};', "configuration of a web app"),
    "OAuth client": ('{"installed": {"client_id": "x"}}', "an OAuth client"),
    "user": ('{"type": "authorized_user"}', "the Google credentials of a person"),
    "certificate": (CERTIFICATE, "This is a certificate."),
    "binary certificate": (der_certificate, "This is a certificate."),
    "certificate request": ("-----BEGIN CERTIFICATE REQUEST-----\nx", "a certificate signing request"),
    "certificate with key": (key_store, "a certificate with its key (.p12)"),
    "public key": (public_key, "This is a public key."),
    "profile": (PROFILE, "This is a provisioning profile."),
}


def error(console, fields, field, content):
    content = content() if callable(content) else content
    upload = SimpleUploadedFile("file", content if isinstance(content, bytes) else content.encode())
    page = console.post(ADD, {**fields, field: upload})
    assert not PushMessagingConfiguration.objects.exists()
    assert set(errors(page)) == {field}
    return errors(page)[field]


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file_is_named_with_the_file_to_upload(console, name):
    content, found = WRONG_FILES[name]
    text = error(console, APPLE, "signing_key_file", content)
    assert found in text
    assert "Upload a signing key (.p8). It is created in Apple's developer account" in text
    text = error(console, GOOGLE, "service_account_file", content)
    assert found in text
    assert "Upload the key file (.json) of a service account. It is created in Firebase's console" in text


def test_credential_of_the_other_platform_is_named(console):
    account = json.dumps(factories.service_account())
    text = error(console, APPLE, "signing_key_file", account)
    assert text.startswith("This is the key file of a Google service account. Upload a signing key")
    assert "PRIVATE KEY" not in text
    text = error(console, GOOGLE, "service_account_file", apns_certificates.pem(KEY))
    assert text.startswith("This is a private key, as in Apple's .p8 files. Upload the key file (.json)")
