"""GET /phone/config.json: what the web phone knows before an enrolment."""

import json

import pytest
from django.db import DatabaseError

from apps.applications.models import ApplicationVersion, VersionStatus
from apps.push.models import Platform, PushMessagingConfiguration
from apps.push.providers.web_push import vapid
from apps.web_phone import services
from tests import factories


def read(client):
    response = client.get("/phone/config.json")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response["Cache-Control"] == "no-cache"
    return response.json()


def add_versions(*versions, **fields):
    application = factories.ApplicationFactory(identifier="shop", name="Blümen", web_phone=True, **fields)
    for platform, version, status in versions:
        ApplicationVersion.objects.create(application=application, platform=platform, version=version, status=status)


def test_applications_without_the_web_phone_are_not_listed(client, version, settings):
    settings.PUBLIC_URL = "https://auth.example.com"
    assert read(client) == {"name": "Countersign", "server": "https://auth.example.com", "applications": []}


def test_newest_enabled_version_of_the_platform_web_is_listed(client, db):
    add_versions(
        ("web", "1.9.0", VersionStatus.ENABLED),
        ("web", "1.10.0", VersionStatus.ENABLED),
        ("web", "2.0.0", VersionStatus.DISABLED),
        ("web", "2.1.0", VersionStatus.LOGIN_ONLY),
        ("android", "3.0.0", VersionStatus.ENABLED),
    )
    [application] = read(client)["applications"]
    assert application == {
        "application_id": "shop", "name": "Blümen", "app_version": "1.10.0", "vapid_public_key": None,
    }  # fmt: skip


def test_public_key_of_the_push_configuration_is_listed(client, db):
    configuration = PushMessagingConfiguration(name="browser", platform=Platform.WEB, contact="mailto:a@example.com")
    vapid.assign_new_key_pair(configuration)
    configuration.save()
    add_versions(("web", "1.0.0", VersionStatus.ENABLED))
    ApplicationVersion.objects.update(push_messaging_configuration=configuration)
    [application] = read(client)["applications"]
    assert application["vapid_public_key"] == configuration.vapid_public_key
    assert configuration.vapid_private_key not in client.get("/phone/config.json").content.decode()


def test_application_without_a_version_for_the_web_has_none(client, db):
    add_versions(("android", "1.0.0", VersionStatus.ENABLED))
    assert read(client)["applications"][0]["app_version"] is None


def test_number_of_queries_is_constant(client, db, django_assert_num_queries):
    for identifier in ("a", "b", "c"):
        factories.ApplicationFactory(identifier=identifier, web_phone=True)
    # Applications and versions; none has a push configuration.
    with django_assert_num_queries(2):
        assert len(json.loads(client.get("/phone/config.json").content)["applications"]) == 3


def test_unavailable_database_is_reported(client, monkeypatch):
    def fail():
        raise DatabaseError

    monkeypatch.setattr(services, "configuration", fail)
    response = client.get("/phone/config.json")
    assert (response.status_code, response["Content-Type"]) == (503, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("versions", "newest"),
    [(["1.0", "1.0.1"], "1.0.1"), (["1.0.0-rc2", "1.0.0-rc10"], "1.0.0-rc10"), (["a", "1"], "1"), (["2", "10"], "10")],
)
def test_versions_are_compared_by_their_numbers(client, db, versions, newest):
    add_versions(*(("web", version, VersionStatus.ENABLED) for version in versions))
    assert read(client)["applications"][0]["app_version"] == newest
