"""Fake APNs and FCM, and push messaging configurations for them."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.push import apple_credentials
from tests import factories
from tests.fakes.apns import Apns
from tests.fakes.fcm import Fcm

BUNDLE = "com.example.shop"


@pytest.fixture
def apple(settings):
    with Apns() as fake:
        described = fake.describe()
        settings.PUSH_APNS_PRODUCTION_URL = described["production_url"]
        settings.PUSH_APNS_DEVELOPMENT_URL = described["development_url"]
        settings.PUSH_APNS_CA_FILE = described["ca_file"]
        yield fake


@pytest.fixture
def google():
    with Fcm() as fake:
        yield fake


@pytest.fixture
def push_configuration(db):
    """Return a function that stores a configuration with the given fields only."""

    def make(**fields):
        blank = {"service_account": "", "project_id": "", "endpoint": "", "fcm_api_version": ""}
        return factories.PushMessagingConfigurationFactory(**blank | fields)

    return make


@pytest.fixture
def with_key(apple, push_configuration):
    """Return a function that stores a configuration with a signing key. Fields can be overridden."""

    def make(**fields):
        known = {name: apple.credentials[name] for name in ("team_id", "key_id", "signing_key")}
        return push_configuration(**{"name": "apple", "platform": "ios", **known, **fields})

    return make


@pytest.fixture
def with_certificate(apple, push_configuration):
    def make(which="certificate", **fields):
        certificate, expires_at = apple_credentials.validate_certificate(apple.credentials[which])
        known = {"certificate": certificate, "certificate_expires_at": expires_at, "apns_environment": "production"}
        return push_configuration(**{"name": "old-apple", "platform": "ios", **known, **fields})

    return make


@pytest.fixture
def with_service_account(google, push_configuration):
    def make(**fields):
        described = google.describe()
        account = described["service_account"]
        known = {
            "fcm_api_version": "http_v1",
            "service_account": json.dumps(account),
            "project_id": account["project_id"],
            "endpoint": described["endpoint"],
        }
        return push_configuration(**{"name": "google", **known, **fields})

    return make


@pytest.fixture
def with_server_key(google, push_configuration):
    def make(**fields):
        described = google.describe()
        known = {"server_key": described["server_key"], "endpoint": described["legacy_endpoint"]}
        return push_configuration(**{"name": "old-google", "fcm_api_version": "legacy", **known, **fields})

    return make


def ios_version(configuration, **fields):
    known = {"platform": "ios", "bundle_identifier": BUNDLE, "push_messaging_configuration": configuration}
    return factories.ApplicationVersionFactory(**known | fields)


def in_days(days):
    return timezone.now() + timedelta(days=days)
