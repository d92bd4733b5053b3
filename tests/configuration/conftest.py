import json
from functools import cache

import pytest

from apps.push.providers.web_push import vapid
from tests import factories
from tests.commands.command_runner import run
from tests.fakes import apns_certificates

BUNDLE = "com.example.shop"


@cache
def signing_key():
    """Return the signing key of all tests."""
    return apns_certificates.pem(apns_certificates.signing_key())


@cache
def authority():
    return apns_certificates.Authority()


@cache
def certificate(days=365):
    return authority().client(BUNDLE, "ABCDE12345", ["production"], days=days)


@pytest.fixture
def import_text(tmp_path, db):
    """Return a function that imports a file with a text or bytes."""

    def import_it(text, *options, name="configuration.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return run("import_configuration", str(path), *options)

    return import_it


@pytest.fixture
def secrets_in_environment(monkeypatch):
    """Set the environment variables of docs/example-configuration.yaml."""
    values = {
        "PORTAL_CLIENT_SECRET": factories.CLIENT_SECRET,
        "AGENT_CLIENT_SECRET": factories.CLIENT_SECRET,
        "KEYCLOAK_CLIENT_SECRET": factories.CLIENT_SECRET,
        "FCM_SERVICE_ACCOUNT": json.dumps(factories.service_account()),
        "APNS_SIGNING_KEY": signing_key(),
        "VAPID_PRIVATE_KEY": vapid.generate_private_key(),
        "APNS_PROXY_PASSWORD": "proxy-password",
        "CALLBACK_PASSWORD": "callback-password",
        "CALLBACK_SIGNING_SECRET": "whsec_" + "c2lnbmVk" * 4,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values
