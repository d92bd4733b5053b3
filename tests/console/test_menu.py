"""Menu and start page."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from apps.system.models import Features
from tests import factories
from tests.console.test_roles import sign_in_as

MOBILE_AUTHENTICATION = [
    "General",
    "Push messaging configuration",
    "Mobile authentication types",
    "Callback endpoints",
    "Confirmation template",
    "Keycloak integrations",
]
REST = [
    "Applications",
    "API clients",
    "Features",
    "Proxy",
    "Geolocation",
    "Staff accounts",
    "Check configuration",
    "Users",
    "Transactions",
    "Activity",
]


def menu(console):
    page = console.get("/admin/").content.decode()
    items = re.findall(r'class="console-menu-item".*?</span>\s*(.*?)\s*</a>', page, re.DOTALL)
    headings = re.findall(r'class="console-menu-(?:section|title)">(.*?)<', page)
    return items, headings


def test_menu_items_match_contract(console):
    items, headings = menu(console)
    assert items == ["Start", *MOBILE_AUTHENTICATION, *REST]
    assert headings == ["Configuration", "Mobile authentication", "System"]


def test_menu_group_is_hidden_while_feature_is_off(console):
    assert console.save("/admin/system/features/", mobile_authentication=None).status_code == 302
    items, headings = menu(console)
    assert items == ["Start", *REST]
    assert headings == ["Configuration", "System"]
    assert "Mobile authentication is off" in console.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("feature", "addresses"),
    [
        (
            "mobile_authentication",
            [
                "system/generalconfiguration/",
                "push/pushmessagingconfiguration/",
                "push/pushmessagingconfiguration/add/",
                "transactions/mobileauthenticationtype/",
                "transactions/smsusage/",
                "callbacks/callbackendpoint/",
                "callbacks/callbackdelivery/",
                "geocontext/confirmationtemplate/",
                "sms/send-test/",
            ],
        ),
    ],
)
def test_pages_of_disabled_feature_return_404(console, feature, addresses):
    paths = [f"/admin/{address}" for address in addresses]
    assert {console.get(path, follow=True).status_code for path in paths} == {200}
    console.save("/admin/system/features/", **{feature: None})
    assert {console.get(path, follow=True).status_code for path in paths} == {404}
    start = console.get("/admin/").content.decode()
    assert not [path for path in paths if f'href="{path}' in start]
    console.save("/admin/system/features/", **{feature: "on"})
    assert {console.get(path, follow=True).status_code for path in paths} == {200}


def test_settings_form_stays_open_after_saving(console):
    assert console.save("/admin/system/features/", mobile_authentication="on")["Location"] == "/admin/system/features/"
    assert Features.get_solo().mobile_authentication


def steps(console):
    return {str(step.title): step.is_done for step in console.get("/admin/").context["steps"]}


def test_start_page_lists_missing_setup_steps(console):
    assert steps(console) == {
        "Enrolment and push are turned on": True,
        "A push messaging configuration": False,
        "An application with an enabled version": False,
        "A mobile authentication type": False,
        "An API client of a portal": False,
        "A device is enrolled for push": False,
        "A first authentication": False,
    }


def test_start_page_marks_completed_setup_steps(console, device, portal, mobile_type):
    assert [title for title, is_done in steps(console).items() if not is_done] == ["A first authentication"]
    started = portal.start(mobile_type, device).json()
    device.answer(device.fetch(started["transaction_id"]), approve=True)
    assert set(steps(console).values()) == {True}


def test_pages_of_setup_link_the_next_step_for_administrators(console, device, portal):
    page = "/admin/applications/apiclient/"
    assert console.get(page).context["setup"]["next"].url == "/admin/transactions/mobileauthenticationtype/add/"
    assert not console.get("/admin/").context["setup"]
    factories.TypeFactory()
    assert "Next step:" in console.get(page).content.decode()
    operator = sign_in_as("operator")
    assert not operator.get(page).context["setup"]
    assert {operator.get(step.url).status_code for step in operator.get("/admin/").context["steps"]} == {200}


def test_start_page_counts_transactions_by_status(console, administrator, device, portal):
    quick = factories.TypeFactory(time_to_live=1)
    started = portal.start(factories.TypeFactory(), device).json()
    device.answer(device.fetch(started["transaction_id"]), approve=False)
    portal.start(factories.TypeFactory(), device)
    portal.start(quick, device)

    def counts():
        cache.clear()
        return {outcome["status"]: outcome["count"] for outcome in console.get("/admin/").context["outcomes"]}

    assert counts() == {"pending": 2, "authenticated": 0, "not_authenticated": 1, "expired": 0, "cancelled": 0}
    with time_machine.travel(timezone.now() + timedelta(seconds=2)):
        assert counts() == {"pending": 1, "authenticated": 0, "not_authenticated": 1, "expired": 1, "cancelled": 0}
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        console.force_login(administrator)
        assert set(counts().values()) == {0}
