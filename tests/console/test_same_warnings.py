"""Start page, Check configuration and the page of the item report the same warnings."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.transactions.models import SmsUsage
from tests import factories
from tests.console.test_roles import sign_in_as

TYPES = "/admin/transactions/mobileauthenticationtype/"
APPLICATIONS = "/admin/applications/application/"


@pytest.fixture(autouse=True)
def quiet(settings):
    """Settings under which nothing else is reported."""
    settings.BROKER_URL, settings.SMS_GATEWAY = "", "memory"


def start_warnings(browser):
    cache.clear()
    problems = browser.get("/admin/").context["problems"]
    return {(str(problem["title"]), str(problem["description"])) for problem in problems}


def check_warnings(browser):
    lines = browser.post("/admin/check-configuration/").context["lines"]
    findings = [line["finding"] for line in lines if line["level"] != "ok"]
    return {
        (finding.about[:1].upper() + finding.about[1:], f"{finding.text} {finding.remedy}".rstrip())
        for finding in findings
    }


def titles(warnings):
    return {title for title, _description in warnings}


def saved_warnings(console, path, **fields):
    page = console.get(console.save(path, **fields)["Location"])
    return [str(message) for message in page.context["messages"] if message.level_tag == "warning"]


def test_sms_type_without_message_says_what_happens(console):
    mobile_type = factories.TypeFactory(name="text", method="sms", default_messages={})
    path = f"{TYPES}{mobile_type.pk}/change/"
    assert titles(start_warnings(console)) == {"“text” has no default message"}
    assert "Requests without a message are rejected (error 1003)." in console.get(path).content.decode()

    [text] = saved_warnings(console, path, default_message_en="Your code")
    assert text.startswith("“text” sends the code alone. The default message has no {code}")
    assert titles(start_warnings(console)) == titles(check_warnings(console)) == {"“text” sends the code alone"}
    assert saved_warnings(console, path, default_message_en="Your code: {code}") == []
    assert start_warnings(console) == check_warnings(console) == set()


def test_version_without_push_says_what_it_lacks(console):
    version = factories.ApplicationVersionFactory(push_messaging_configuration=None, application__name="Shop")
    path = f"{APPLICATIONS}{version.application_id}/change/"
    title = "Version 1.0.0 (Android) of “Shop” has no push"
    assert title in console.get(path).content.decode()
    [text] = saved_warnings(console, path)
    assert text.startswith(f"{title}. Its devices cannot enrol for push and get no pushes")
    # Without push, a disabled version and a browser lack nothing.
    version.status = "disabled"
    version.save()
    factories.ApplicationVersionFactory(push_messaging_configuration=None, platform="web")
    assert start_warnings(console) == check_warnings(console) == set()


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_start_page_and_check_say_the_same(db, settings, portal, role):
    factories.TypeFactory(name="text", method="sms", default_messages={})
    factories.TypeFactory(name="slow", time_to_live=700)
    factories.ApplicationVersionFactory(push_messaging_configuration=None, application__web_phone=True)
    settings.SMS_GATEWAY, settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID = "twilio", ""
    day = timezone.now().date()
    SmsUsage.objects.create(client=portal.api_client, country="BE", day=day, sent=30)
    due_at = timezone.now() - timedelta(minutes=5)
    CallbackDelivery.objects.create(url="http://127.0.0.1:9/", transaction_id=uuid4(), due_at=due_at)
    browser = sign_in_as(role)
    started = start_warnings(browser)
    assert len(started) > 6
    assert started == check_warnings(browser)


def test_each_warning_links_its_explanation_and_its_page(console):
    version = factories.ApplicationVersionFactory(push_messaging_configuration=None)
    page = console.post("/admin/check-configuration/").content.decode()
    assert f'href="{APPLICATIONS}{version.application_id}/change/"' in page
    assert 'href="/docs/troubleshooting.html#a-version-has-no-push"' in page
