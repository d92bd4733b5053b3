"""API clients and their secrets."""

import base64
import html
import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection

from apps.applications.models import ApiClient
from apps.events.models import Event
from tests import factories
from tests.conftest import Portal
from tests.console.conftest import Browser, errors

ADD = "/admin/applications/apiclient/add/"
NEW_CLIENT = {"name": "Shop", "client_id": "shop", "apis": ["mobile_authentication"], "ip_allow_list": ""}


COMMAND = re.compile(r'id="client-command"[^>]*>(.*?)</code>')


def secret_in(page):
    return re.search(r'id="client-secret">([^<]+)<', page.content.decode())[1]


def is_accepted(client, api_client, secret):
    response = Portal(client, api_client, secret).result("00000000-0000-4000-8000-000000000000")
    return response.status_code != 401


def stored_values():
    return json.dumps([list(model.objects.values()) for model in (Event, LogEntry, Session, ApiClient)], default=str)


def test_client_secret_is_shown_once(console, client):
    page = console.post(ADD, NEW_CLIENT)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    api_client, secret = ApiClient.objects.get(client_id="shop"), secret_in(page)
    assert is_accepted(client, api_client, secret)

    change = f"/admin/applications/apiclient/{api_client.pk}/change/"
    for path in (change, change.replace("change", "history"), "/admin/applications/apiclient/", "/admin/"):
        assert secret not in console.get(path).content.decode()
    for session in Session.objects.all():
        assert secret not in str(session.get_decoded())
    assert secret not in stored_values()


@pytest.mark.parametrize(
    ("apis", "status"), [(["events", "mobile_authentication"], 200), (["events"], 200), (["end_user"], 404)]
)
def test_command_of_new_secret_is_a_valid_request(console, client, settings, apis, status):
    settings.PUBLIC_URL = "https://auth.example.com"
    page = console.post(ADD, {**NEW_CLIENT, "client_id": "shop: 'one' %", "apis": apis})
    command, option, credentials, url = shlex.split(html.unescape(COMMAND.search(page.content.decode())[1]))
    assert (command, option) == ("curl", "-u")
    pair = base64.b64encode(credentials.encode()).decode()
    response = client.get(url.removeprefix("https://auth.example.com"), headers={"Authorization": f"Basic {pair}"})
    assert response.status_code == status


def test_repeated_form_shows_no_secret(console):
    console.post(ADD, NEW_CLIENT)
    again = console.post(ADD, NEW_CLIENT)
    assert "client-secret" not in again.content.decode()
    assert set(errors(again)) == {"name", "client_id"}


def test_new_secret_keeps_one_previous_secret(console, client):
    first = secret_in(console.post(ADD, NEW_CLIENT))
    api_client = ApiClient.objects.get()
    path = f"/admin/applications/apiclient/{api_client.pk}/new-secret/"

    def create_secret():
        confirmation = console.get(path)
        return confirmation.content.decode(), secret_in(
            console.post(path, {"state_token": confirmation.context["state_token"]})
        )

    confirmation, second = create_secret()
    assert "The older one is removed immediately" not in confirmation
    assert is_accepted(client, api_client, first)
    assert is_accepted(client, api_client, second)

    confirmation, third = create_secret()
    assert "This client has two active secrets. The older one is removed immediately." in confirmation
    assert [is_accepted(client, api_client, secret) for secret in (first, second, third)] == [False, True, True]


def test_old_secret_is_removed(console, client, changes):
    first = secret_in(console.post(ADD, NEW_CLIENT))
    api_client = ApiClient.objects.get()
    base = f"/admin/applications/apiclient/{api_client.pk}/"
    path = f"{base}remove-old-secret/"
    assert "remove-old-secret" not in console.get(f"{base}change/").content.decode()
    assert "has no old secret" in console.get(path).content.decode()
    console.post(path, {"state_token": console.get(f"{base}new-secret/").context["state_token"]})
    assert is_accepted(client, api_client, first)

    state_token = console.get(f"{base}new-secret/").context["state_token"]
    second = secret_in(console.post(f"{base}new-secret/", {"state_token": state_token}))
    assert path in console.get(f"{base}change/").content.decode()
    confirmation = console.get(path).context["confirmation"]
    assert console.post(path, {"state_token": state_token}, follow=True).status_code == 200
    assert is_accepted(client, api_client, first)

    assert console.post(path, {"state_token": confirmation.state_token}).status_code == 302
    assert [is_accepted(client, api_client, secret) for secret in (first, second)] == [False, True]
    assert "secret_hashes" in str(changes("ADMIN_CONFIGURATION_UPDATED"))
    console.post(path, {"state_token": confirmation.state_token})
    assert is_accepted(client, api_client, second)


def test_new_secret_get_changes_nothing(console, client):
    secret = secret_in(console.post(ADD, NEW_CLIENT))
    before = ApiClient.objects.get().secret_hashes
    console.get(f"/admin/applications/apiclient/{ApiClient.objects.get().pk}/new-secret/")
    assert ApiClient.objects.get().secret_hashes == before
    assert is_accepted(client, ApiClient.objects.get(), secret)


def test_repeated_confirmation_creates_one_secret(console):
    console.post(ADD, NEW_CLIENT)
    path = f"/admin/applications/apiclient/{ApiClient.objects.get().pk}/new-secret/"
    state_token = console.get(path).context["state_token"]
    console.post(path, {"state_token": state_token})
    hashes = ApiClient.objects.get().secret_hashes
    assert console.post(path, {"state_token": state_token}).status_code == 302
    assert ApiClient.objects.get().secret_hashes == hashes


@pytest.mark.parametrize("number", ["999", "abc", "٣", "9" * 40])
def test_unknown_client_returns_404(console, number):
    assert console.post(f"/admin/applications/apiclient/{number}/new-secret/").status_code == 404


@pytest.mark.parametrize("client_id", ["".join(map(chr, range(0x20, 0x7F))) + " ", "https://portal.example.com/a b"])
def test_client_id_of_visible_characters_is_accepted(console, client, client_id):
    page = console.post(ADD, {**NEW_CLIENT, "client_id": client_id})
    api_client = ApiClient.objects.get()
    assert api_client.client_id == client_id
    response = client.post(
        "/oauth/api/v4/authenticate/user",
        urlencode({"client_id": client_id, "client_secret": secret_in(page)}),
        content_type="application/x-www-form-urlencoded",
    )
    assert response.json()["error_code"] == "1003"
    assert html.escape(client_id.strip()) in console.get("/admin/applications/apiclient/").content.decode()


@pytest.mark.parametrize("client_id", ["a\tb", "é", "a\u00a0b", "", "x" * 101])
def test_client_id_of_other_characters_is_rejected(console, client_id):
    assert set(errors(console.post(ADD, {**NEW_CLIENT, "client_id": client_id}))) == {"client_id"}


def test_client_id_cannot_be_changed(console):
    api_client = factories.ApiClientFactory(client_id="portal")
    path = f"/admin/applications/apiclient/{api_client.pk}/change/"
    assert console.save(path, client_id="other", name="Renamed").status_code == 302
    api_client.refresh_from_db()
    assert (api_client.client_id, api_client.name) == ("portal", "Renamed")


def test_allow_list_has_one_network_per_line(console):
    console.post(ADD, {**NEW_CLIENT, "ip_allow_list": "10.0.0.0/8\r\n\r\n 2001:db8::1 \r\n"})
    api_client = ApiClient.objects.get()
    assert api_client.ip_allow_list == ["10.0.0.0/8", "2001:db8::1"]
    shown = console.get(f"/admin/applications/apiclient/{api_client.pk}/change/").content.decode()
    assert "10.0.0.0/8\n2001:db8::1" in shown


def test_invalid_network_is_rejected(console):
    page = console.post(ADD, {**NEW_CLIENT, "ip_allow_list": "10.0.0.0/8\n10.0.0.0/64"})
    assert errors(page) == {"ip_allow_list": "“10.0.0.0/64” is not an IP address or network."}
    assert "10.0.0.0/64" in page.content.decode()
    assert not ApiClient.objects.exists()


@pytest.mark.parametrize(("apis", "text"), [([], "required"), (["everything"], "not one of the available choices")])
def test_client_requires_a_known_api(console, apis, text):
    assert text in errors(console.post(ADD, {**NEW_CLIENT, "apis": apis}))["apis"]


@pytest.mark.django_db(transaction=True)
def test_concurrent_confirmations_create_one_secret(administrator):
    api_client = factories.ApiClientFactory()
    path = f"/admin/applications/apiclient/{api_client.pk}/new-secret/"

    def browser():
        api_client = Browser()
        api_client.force_login(administrator)
        return api_client

    browsers = [browser() for _ in range(4)]
    state_token = browsers[0].get(path).context["state_token"]

    def confirm(browser):
        try:
            return browser.post(path, {"state_token": state_token}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(confirm, browsers))
    assert sorted(responses) == [200, 302, 302, 302]
    api_client.refresh_from_db()
    assert len(api_client.secret_hashes) == 2
