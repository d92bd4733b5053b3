"""Proxy for APNs, and the display of the proxy of the other services."""

import pytest
from django.db import connection

from apps.events.models import Event
from apps.outgoing.proxy import Proxy
from apps.system.models import ApnsProxy
from tests.console.conftest import errors

PAGE = "/admin/system/apnsproxy/"
VARIABLE = "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_"
VARIABLES = ("SCHEMA", "HOST", "PORT", "USERNAME", "PASSWORD", "PREEMPTIVE_AUTH_ENABLED_BOOLEAN")
FIELDS = {"enabled": "on", "host": "proxy.example.com", "port": 3128, "username": "us", "new_password": "open sesame"}


@pytest.fixture
def proxy(console):
    assert console.save(PAGE, **FIELDS).status_code == 302
    return ApnsProxy.get_solo()


def test_proxy_is_saved(proxy):
    stored = ApnsProxy.objects.get()
    assert (stored.enabled, stored.host, stored.port, stored.username, stored.password) == (
        True,
        "proxy.example.com",
        3128,
        "us",
        "open sesame",
    )


def test_proxy_password_is_encrypted_and_not_shown(console, proxy):
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM system_apnsproxy")
        assert "open sesame" not in cursor.fetchone()[0]
    paths = [PAGE, f"{PAGE}history/", "/admin/events/event/"]
    paths += [f"/admin/events/event/{event.pk}/change/" for event in Event.objects.all()]
    for path in paths:
        assert "open sesame" not in console.get(path).content.decode()


def test_proxy_event_does_not_contain_password(proxy, changes):
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert details["changes"]["host"] == ["", "proxy.example.com"]
    assert details["secrets_changed"] == ["password"]


def test_empty_password_keeps_stored_password(console, proxy):
    console.save(PAGE, username="them")
    assert ApnsProxy.objects.get().password == "open sesame"
    assert 'name="remove_password"' in console.get(PAGE).content.decode()
    console.save(PAGE, remove_password="on")
    assert ApnsProxy.objects.get().password == ""
    assert 'name="remove_password"' not in console.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"host": ""}, "host"),
        ({"host": "http://proxy.example.com"}, "host"),
        ({"host": "proxy.example.com/path"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"remove_password": "on"}, "remove_password"),
    ],
)
def test_invalid_proxy_is_rejected(console, changed, field):
    page = console.save(PAGE, **{**FIELDS, **changed})
    assert set(errors(page)) == {field}
    assert "open sesame" not in page.content.decode()
    assert not ApnsProxy.get_solo().enabled


def external_proxy(console):
    return {name.removeprefix(VARIABLE): str(value) for name, value in console.get(PAGE).context["external"]}


def test_proxy_page_shows_no_external_proxy(console, settings):
    settings.EXTERNAL_PROXY = None
    assert external_proxy(console) == {"ENABLED_BOOLEAN": "off", **dict.fromkeys(VARIABLES, "-")}


def test_proxy_page_shows_external_proxy_without_password(console, settings):
    settings.EXTERNAL_PROXY = Proxy("http://out.example.com:3129", "them", "very secret", preemptive=True)
    assert external_proxy(console) == {
        "ENABLED_BOOLEAN": "on",
        "SCHEMA": "http",
        "HOST": "out.example.com",
        "PORT": "3129",
        "USERNAME": "them",
        "PASSWORD": "set, hidden",
        "PREEMPTIVE_AUTH_ENABLED_BOOLEAN": "on",
    }
    page = console.get(PAGE).content.decode()
    assert f"{VARIABLE}HOST" in page
    assert "very secret" not in page
