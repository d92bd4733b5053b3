"""Undo of a change from the history of an item."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User

from apps.applications.models import ApiClient
from apps.events.models import Event
from apps.system.models import GeneralConfiguration
from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.console.test_roles import sign_in_as

GENERAL = "/admin/system/generalconfiguration/"

pytestmark = pytest.mark.django_db


def history(console, path):
    return unescape(console.get(f"{path}history/").content.decode())


def undo_links(console, path):
    return re.findall(r'href="([^"]+/undo/)"', history(console, path))


def undo(console, link):
    page = console.get(link)
    return console.post(link, {"state_token": page.context["confirmation"].state_token}, follow=True)


@pytest.fixture
def link(console):
    """Return the link that undoes a change of a limit from 5 to 7."""
    GeneralConfiguration.objects.update_or_create(defaults={"max_pending_transactions": 5})
    console.save(GENERAL, max_pending_transactions="7")
    [link] = undo_links(console, GENERAL)
    return link


def limit():
    return GeneralConfiguration.objects.get().max_pending_transactions


def test_history_shows_values_and_actor(console, link):
    page = history(console, GENERAL)
    assert ": 5 → 7<" in page
    assert "olga" in page


def test_change_is_undone_after_confirmation(console, link, changes):
    page = console.get(link)
    assert [item.rpartition(": ")[2] for item in page.context["confirmation"].items] == ["7 → 5"]
    assert limit() == 7
    page = undo(console, link)
    assert [str(message) for message in page.context["messages"]] == ["The change was undone."]
    assert limit() == 5
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {"max_pending_transactions": [7, 5]}
    # The undo is a change of its own, which can be undone.
    undo(console, undo_links(console, GENERAL)[0])
    assert limit() == 7


def test_older_change_is_not_undone(console, link):
    console.save(GENERAL, max_pending_transactions="9")
    page = console.get(link)
    assert page.context["confirmation"].paragraphs[1] == (
        "The values were changed again later. Undo the later change first."
    )
    assert console.post(link, {"state_token": page.context["confirmation"].state_token}).status_code == 200
    assert limit() == 9


def test_undo_without_current_state_changes_nothing(console, link):
    page = console.post(link, {"state_token": "0"})
    assert "Nothing was undone." in page.content.decode()
    assert limit() == 7


def test_invalid_former_value_is_not_restored(console):
    kind = factories.TypeFactory(name="push", time_to_live=60)
    path = f"/admin/transactions/mobileauthenticationtype/{kind.pk}/"
    console.save(f"{path}change/", time_to_live="90")
    [link] = undo_links(console, path)
    event = Event.objects.latest("id")
    event.details["changes"]["time_to_live"][0] = -1
    Event.objects.filter(pk=event.pk).update(details=event.details)
    assert console.get(link).context["confirmation"].heading == "This change cannot be undone"
    assert MobileAuthenticationType.objects.get().time_to_live == 90


def test_change_of_secret_has_no_undo(console):
    endpoint = factories.CallbackEndpointFactory()
    path = f"/admin/callbacks/callbackendpoint/{endpoint.pk}/"
    console.save(f"{path}change/", username="portal", new_password="a new password")
    assert "new value" in history(console, path)
    assert undo_links(console, path) == []


def test_change_of_reference_is_explained(console, changes):
    fallback = factories.TypeFactory(name="sms", method="sms")
    kind = factories.TypeFactory(name="push", fallback=fallback)
    path = f"/admin/transactions/mobileauthenticationtype/{kind.pk}/"
    console.save(f"{path}change/", fallback="")
    [link] = undo_links(console, path)
    page = console.get(link)
    assert page.context["confirmation"].paragraphs[1] == (
        "This change contains a secret or a reference to another item, which events do not store."
    )
    assert console.post(link, {"state_token": ""}).status_code == 200
    kind.refresh_from_db()
    assert kind.fallback is None


def test_change_of_staff_account_has_no_undo(console, changes):
    account = User.objects.create_user("hans", password=None)
    path = f"/admin/auth/user/{account.pk}/"
    console.save(f"{path}change/", role="helpdesk", first_name="Hans")
    event = Event.objects.filter(event_type="ADMIN_CONFIGURATION_UPDATED").latest("id")
    assert undo_links(console, path) == []
    assert console.get(f"{path}history/{event.event_identifier}/undo/").status_code == 404


def test_operator_cannot_undo(console, link):
    browser = sign_in_as("operator", "otto")
    assert undo_links(browser, GENERAL) == []
    assert browser.get(link).status_code == 403
    assert browser.post(link, {"state_token": "0"}).status_code == 403
    assert limit() == 7


def test_change_of_another_item_is_not_found(console, link):
    client = factories.ApiClientFactory()
    other = link.replace("/system/generalconfiguration/1/", f"/applications/apiclient/{client.pk}/")
    assert console.get(other).status_code == 404
    assert ApiClient.objects.count() == 1
