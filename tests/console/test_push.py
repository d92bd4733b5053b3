"""Push messaging configurations: the service account is write-only."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from tests import factories
from tests.console.conftest import errors
from tests.fakes.apns_certificates import pem, signing_key

ADD = "/admin/push/pushmessagingconfiguration/add/"
FIELDS = {"name": "google", "platform": "android", "fcm_api_version": "http_v1", "endpoint": ""}


def upload(content):
    return SimpleUploadedFile("account.json", content if isinstance(content, bytes) else json.dumps(content).encode())


def account(**changes):
    members = {**factories.service_account(), **changes}
    return {name: value for name, value in members.items() if value is not None}


def change_path(configuration):
    return f"/admin/push/pushmessagingconfiguration/{configuration.pk}/change/"


@pytest.fixture
def stored(console):
    response = console.post(ADD, {**FIELDS, "service_account_file": upload(account())})
    assert response.status_code == 302, errors(response)
    return PushMessagingConfiguration.objects.get()


def test_uploaded_service_account_is_saved(stored):
    assert stored.service_account_info == account()
    assert stored.project_id == account()["project_id"]


def test_table_does_not_contain_private_key(stored):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM push_pushmessagingconfiguration")
        row = str(cursor.fetchall())
    key = account()["private_key"].split("\\n")[0].splitlines()[1]
    assert len(key) > 40
    assert key not in row
    assert "private_key" not in row
    assert account()["client_email"] not in row


def test_service_account_accepts_google_universe(console):
    content = upload(account(universe_domain="googleapis.com"))
    assert console.post(ADD, {**FIELDS, "service_account_file": content}).status_code == 302
    assert PushMessagingConfiguration.objects.exists()


def test_service_account_is_not_shown(console, stored):
    lines = account()["private_key"].splitlines()[1:-1]
    paths = ["/admin/push/pushmessagingconfiguration/", change_path(stored), "/admin/", "/admin/events/event/"]
    paths += [change_path(stored).replace("change/", "history/"), change_path(stored).replace("change/", "delete/")]
    paths += [f"/admin/events/event/{event.pk}/change/" for event in Event.objects.all()]
    for path in paths:
        page = console.get(path).content.decode()
        for hidden in (lines[0], lines[-1], account()["client_email"], account()["private_key_id"]):
            assert hidden not in page
    assert stored.project_id in console.get(change_path(stored)).content.decode()


def test_change_without_upload_keeps_service_account(console, stored):
    assert console.save(change_path(stored), endpoint="http://127.0.0.1:9/send").status_code == 302
    stored = PushMessagingConfiguration.objects.get()
    assert stored.endpoint == "http://127.0.0.1:9/send"
    assert stored.service_account_info == account()


def test_new_upload_replaces_service_account(console, stored, changes):
    other = account(project_id="another-project", client_email="other@example.com")
    assert console.save(change_path(stored), service_account_file=upload(other)).status_code == 302
    replaced = PushMessagingConfiguration.objects.get()
    assert replaced.service_account_info == other
    assert replaced.project_id == "another-project"
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert details["changes"] == {"project_id": [stored.project_id, "another-project"]}
    assert details["secrets_changed"] == ["service_account"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"not json", "The file is not JSON."),
        (b"[" * 60_000, "The file is not JSON."),
        (b"\xff\xfe\x00", "The file is not a text file."),
        (b'"' + b"x" * 70_000 + b'"', "too large"),
        ([], "not the key file of a service account"),
        ({"type": "other"}, "not the key file of a service account"),
        (lambda: account(private_key=None), "has no “private_key”"),
        (lambda: account(private_key="-----BEGIN PRIVATE KEY-----\nnothing\n"), "private key cannot be read"),
        (
            lambda: account(private_key=pem(signing_key())),
            "private key has the wrong type. Google's private keys are RSA keys.",
        ),
        (lambda: account(universe_domain="example.com"), "“universe_domain” must be “googleapis.com”"),
        (lambda: {**account(), "universe_domain": None}, "“universe_domain” must be “googleapis.com”"),
        (lambda: account(token_uri="ftp://example.com"), "“token_uri” must be an http or https URL"),
        (lambda: account(project_id="../../other"), "“project_id” is not the name of a Google project"),
        (lambda: account(project_id="x" * 101), "“project_id” is not the name of a Google project"),
    ],
)
def test_invalid_upload_is_rejected(console, content, text):
    content = content() if callable(content) else content
    page = console.post(ADD, {**FIELDS, "service_account_file": upload(content)})
    assert text in errors(page)["service_account_file"]
    assert set(errors(page)) == {"service_account_file"}
    assert not PushMessagingConfiguration.objects.exists()
    assert not Event.objects.exists()


def test_invalid_upload_keeps_service_account(console, stored):
    page = console.save(change_path(stored), service_account_file=upload(b"{"))
    assert "The file is not JSON." in errors(page)["service_account_file"]
    assert PushMessagingConfiguration.objects.get().service_account_info == account()


def test_first_upload_is_required(console):
    assert set(errors(console.post(ADD, FIELDS))) == {"service_account_file"}


def test_endpoint_must_be_a_url(console):
    page = console.post(ADD, {**FIELDS, "endpoint": "gateway", "service_account_file": upload(account())})
    assert errors(page) == {"endpoint": "Enter an absolute URL that begins with http:// or https://."}
