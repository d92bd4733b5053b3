"""Actions on selected users: confirmation with a count, and the file of enrolment links."""

import csv
import re

import pytest
from django.contrib.messages import get_messages

from apps.applications.models import Application
from apps.enrollment.console.bulk_actions import BULK_ACTIONS, LINKS_NAME
from apps.enrollment.models import Profile, PushEnrollment
from apps.events.models import Event
from apps.system.models import GeneralConfiguration
from tests.console.test_roles import sign_in_as

LIST = "/admin/enrollment/profile/"


@pytest.fixture
def selected(enroll):
    """Ids of the profiles of anna, bert and dora; carl is not selected."""
    for user_id in ("anna", "bert", "carl", "dora"):
        enroll(user_id)
    return list(Profile.objects.exclude(user_id="carl").values_list("pk", flat=True))


def request_action(browser, name, ids, **fields):
    return browser.post(LIST, {"action": name, "index": "0", "_selected_action": ids, **fields})


def confirm(browser, name, ids):
    """Submit the confirmation page of an action. Return the page and the response."""
    page = request_action(browser, name, ids).content.decode()
    fields = {}
    for field, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page):
        fields.setdefault(field, []).append(value)
    return page, browser.post(LIST, fields)


def message_text(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.mark.parametrize(
    ("name", "heading", "message"),
    [
        ("disconnect_selected", "Disconnect 3 users from their devices?", "3 users were disconnected."),
        (
            "revoke_mobile_authentication_selected",
            "Revoke mobile authentication of 3 users?",
            "The keys of 3 users were deleted.",
        ),
        (
            "revoke_push_selected",
            "Revoke push notifications of 3 users?",
            "Push notifications of 3 users were revoked.",
        ),
    ],
)
def test_selected_users_are_counted_before_an_action(console, selected, name, heading, message):
    before = list(Profile.objects.values()), Event.objects.count()
    assert request_action(console, name, selected, select_across="1").status_code == 200
    assert (list(Profile.objects.values()), Event.objects.count()) == before
    page, response = confirm(console, name, selected)
    assert heading in page
    assert "anna · Phone of anna" in page
    assert "carl" not in page
    assert message_text(response).endswith(message)
    carl = Profile.objects.get(user_id="carl")
    assert carl.has_keys
    assert PushEnrollment.objects.filter(profile=carl).exists()
    others = Profile.objects.exclude(user_id="carl")
    assert others.count() == (0 if name == "disconnect_selected" else 3)
    assert not PushEnrollment.objects.exclude(profile=carl).exists()
    events = Event.objects.filter(event_type__startswith="ADMIN_", details__who="olga")
    assert sorted(events.values_list("user_id", flat=True)) == ["anna", "bert", "dora"]


def test_list_offers_the_actions_to_administrators(console, selected):
    page = console.get(LIST).content.decode()
    [menu] = re.findall(r'<select name="action".*?</select>', page, re.DOTALL)
    assert re.findall(r'<option value="(\w+)"', menu) == [*BULK_ACTIONS, LINKS_NAME]


def test_changed_selection_is_confirmed_again(console, selected):
    fields = {"confirmed": "yes", "state_token": "outdated"}
    response = request_action(console, "disconnect_selected", selected, **fields)
    assert response.status_code == 200
    assert "The selected users have changed meanwhile." in response.content.decode()
    assert Profile.objects.count() == 4
    Profile.objects.all().delete()
    assert "already done" in message_text(request_action(console, "disconnect_selected", selected, **fields))


def test_enrollment_links_are_a_file_with_a_code_for_each_user(console, selected, enroll, version):
    enroll("anna", push_token="")
    Application.objects.update(web_phone=True)
    page, response = confirm(console, LINKS_NAME, [*selected, Profile.objects.latest("pk").pk])
    assert "Create 3 enrolment links?" in page
    assert response["Content-Disposition"].startswith('attachment; filename="enrolment-links-')
    assert "no-store" in response["Cache-Control"]
    rows = list(csv.DictReader(response.content.decode().splitlines()))
    assert [row["user_id"] for row in rows] == ["anna", "bert", "dora"]
    for row in rows:
        assert row["application"] == version.application.identifier
        assert row["enrollment_uri"].endswith(f"code={row['enrollment_code']}")
        assert row["web_enrollment_uri"].endswith(f"code={row['enrollment_code']}")
    created = Event.objects.filter(event_type="ENROLLMENT_CODE_CREATED", details={"who": "olga"})
    assert sorted(created.values_list("user_id", flat=True)) == ["anna", "bert", "dora"]


def test_links_need_enrollment_to_be_on(console, selected):
    GeneralConfiguration.objects.update(enrollment_enabled=False)
    response = request_action(console, LINKS_NAME, selected)
    assert "No link was created" in message_text(response)


@pytest.mark.parametrize("name", [*BULK_ACTIONS, LINKS_NAME])
def test_read_only_roles_have_no_bulk_actions(selected, name):
    for role in ("helpdesk", "operator"):
        browser = sign_in_as(role, role)
        assert "action-select" not in browser.get(LIST).content.decode().replace("input.action-select", "")
        request_action(browser, name, selected, confirmed="yes")
    assert Profile.objects.count() == 4
    assert not Event.objects.filter(details__who__in=["helpdesk", "operator"]).exists()
