"""Page “Configuration file”: export without secrets, and import with a plan."""

import json
import re

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.applications.models import Application
from apps.events.models import Event
from tests import factories
from tests.console.test_roles import sign_in_as

PATH = "/admin/configuration-file/"
FILE = "applications:\n- identifier: shop\n  name: Shop\n"
ENVIRONMENT_PROBLEM = (
    "applications[0].name: Environment variables are read by the command import_configuration only. Enter the value."
)
LINES = ["applications[shop]: created"]

pytestmark = pytest.mark.django_db


def show_plan(console, content=FILE):
    return console.post(PATH, {"content": content})


def apply(console, page):
    """Submit the form of the plan as a browser does."""
    text = re.search(r'<textarea name="content"[^>]*>\n(.*?)</textarea>', page.content.decode(), re.DOTALL)[1]
    text = text.replace("\n", "\r\n")
    return console.post(PATH, {"content": text, "state_token": page.context["state_token"]}, follow=True)


def texts(page):
    return [str(message) for message in page.context["messages"]]


@pytest.mark.parametrize(("query", "load"), [("", yaml.safe_load), ("?format=json", json.loads)])
def test_export_contains_no_secrets(console, query, load):
    factories.ApiClientFactory(client_id="portal")
    response = console.get(f"{PATH}export/{query}")
    assert load(response.content)["api_clients"][0]["client_id"] == "portal"
    assert b"secret" not in response.content
    suffix = "json" if query else "yaml"
    pattern = rf'attachment; filename="configuration-\d{{8}}-\d{{6}}\.{suffix}"'
    assert re.fullmatch(pattern, response["Content-Disposition"])
    assert "no-store" in response["Cache-Control"]


def test_plan_is_shown_and_applied(console):
    page = show_plan(console)
    assert page.context["lines"] == LINES
    assert "Apply 1 change?" in page.content.decode()
    assert not Application.objects.exists()
    assert texts(apply(console, page)) == ["1 item was changed."]
    assert Application.objects.get().name == "Shop"
    event = Event.objects.get(event_type="ADMIN_CONFIGURATION_IMPORTED")
    assert event.details == {"who": "olga", "changes": 1, "lines": LINES}


def test_uploaded_file_is_imported(console):
    upload = SimpleUploadedFile("configuration.yaml", f"\ufeff{FILE}".encode())
    page = console.post(PATH, {"upload": upload, "content": ""})
    assert page.context["lines"] == LINES
    apply(console, page)
    assert Application.objects.get().name == "Shop"


def test_export_can_be_imported_without_changes(console):
    factories.ApiClientFactory(client_id="portal")
    page = show_plan(console, console.get(f"{PATH}export/").content.decode())
    assert page.context["lines"] == []
    assert "The configuration already matches the file." in page.content.decode()


def test_changed_plan_is_shown_again_and_not_applied(console):
    factories.ApplicationFactory(identifier="shop", name="Old")
    page = show_plan(console)
    Application.objects.update(name="Other")
    page = apply(console, page)
    assert page.context["lines"] == ['applications[shop]: changed name "Other" → "Shop"']
    assert "Nothing was applied. This is the new plan." in page.content.decode()
    assert Application.objects.get().name == "Other"
    apply(console, page)
    assert Application.objects.get().name == "Shop"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("applications:\n- name: Shop\n", "applications[0].identifier: This member is required for a new item."),
        ("general: [\n", "line 2: The file is not valid YAML or JSON."),
        (
            "applications:\n- identifier: shop\n  name: {env: SECRET_KEY}\n",
            ENVIRONMENT_PROBLEM,
        ),
    ],
)
def test_invalid_file_is_reported_with_its_paths(console, content, problem):
    page = show_plan(console, content)
    assert problem in page.context["problems"]
    assert "Nothing was changed." in page.content.decode()
    assert not Application.objects.exists()


def test_plan_contains_no_secret(console):
    secret = "a-very-long-client-secret-of-the-portal"
    page = show_plan(console, f"api_clients:\n- {{client_id: portal, name: portal, client_secret: {secret}}}\n")
    assert page.context["lines"] == ["api_clients[portal]: created"]


@pytest.mark.parametrize("content", ["", "x" * (200 * 1024 + 1)], ids=["empty", "large"])
def test_empty_or_large_import_is_rejected(console, content):
    page = show_plan(console, content)
    assert "lines" not in page.context
    assert len(page.context["form"].non_field_errors()) == 1


def test_operator_exports_but_does_not_import():
    browser = sign_in_as("operator", "otto")
    assert browser.get(f"{PATH}export/").status_code == 200
    assert "Show changes" not in browser.get(PATH).content.decode()
    assert show_plan(browser).status_code == 403


def test_helpdesk_does_not_see_the_configuration_file():
    browser = sign_in_as("helpdesk", "hans")
    assert browser.get(PATH).status_code == 403
    assert browser.get(f"{PATH}export/").status_code == 403
