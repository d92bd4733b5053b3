"""The proxy for APNs, and what the page says about the one of the other services."""

import pytest
from django.db import connection

from apps.events.models import Event
from apps.outgoing.http import Proxy
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


def test_the_proxy_is_kept(proxy):
    kept = ApnsProxy.objects.get()
    assert (kept.enabled, kept.host, kept.port, kept.username, kept.password) == (
        True,
        "proxy.example.com",
        3128,
        "us",
        "open sesame",
    )


def test_its_password_is_encrypted_and_never_shown(console, proxy):
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM system_apnsproxy")
        assert "open sesame" not in cursor.fetchone()[0]
    paths = [PAGE, f"{PAGE}history/", "/admin/events/event/"]
    paths += [f"/admin/events/event/{event.pk}/change/" for event in Event.objects.all()]
    for path in paths:
        assert "open sesame" not in console.get(path).content.decode()


def test_a_change_is_an_event_without_the_password(proxy, changes):
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert details["changes"]["host"] == ["", "proxy.example.com"]
    assert details["secrets_changed"] == ["password"]


def test_an_empty_password_keeps_the_stored_one_and_the_box_removes_it(console, proxy):
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
def test_a_proxy_that_cannot_be_is_refused(console, changed, field):
    page = console.save(PAGE, **{**FIELDS, **changed})
    assert set(errors(page)) == {field}
    assert "open sesame" not in page.content.decode()
    assert not ApnsProxy.get_solo().enabled


def shown(console):
    return {name.removeprefix(VARIABLE): str(value) for name, value in console.get(PAGE).context["external"]}


def test_the_page_says_that_the_other_services_have_no_proxy(console, settings):
    settings.EXTERNAL_PROXY = None
    assert shown(console) == {"ENABLED_BOOLEAN": "off", **dict.fromkeys(VARIABLES, "-")}


def test_the_page_shows_the_other_services_proxy_without_its_password(console, settings):
    settings.EXTERNAL_PROXY = Proxy("http://out.example.com:3129", "them", "very secret", preemptive=True)
    assert shown(console) == {
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
