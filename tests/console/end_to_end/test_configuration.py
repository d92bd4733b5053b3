"""End-to-end tests of the configuration file and of the history, as administrator."""

import json

import pytest
import yaml
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.console.end_to_end.pages import Console

pytestmark = [pytest.mark.processes, needs_browser]

LIMIT = "max_pending_transactions"


def change(value):
    return json.dumps({"general": {LIMIT: value}})


def show_changes(page, content):
    """Upload a file on the page of the configuration file."""
    page.goto("/admin/configuration-file/")
    page.locator("[name=upload]").set_input_files(
        {"name": "configuration.json", "mimeType": "application/json", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Show changes").click()


def test_configuration_is_exported_and_imported_after_its_plan(demo, admin_window):
    page = admin_window
    page.goto("/admin/check-configuration/")
    page.get_by_role("link", name="Export or import").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as YAML").click()
    limit = yaml.safe_load(download.value.path().read_text())["general"][LIMIT]

    show_changes(page, '{"general": {"max_pending": 1}}')
    expect(page.get_by_role("heading", name="The file has 1 error")).to_be_visible()
    expect(page.locator(".console-list li")).to_contain_text("general.max_pending: ")

    show_changes(page, change(limit + 1))
    plan = page.locator(".console-list li")
    expect(page.get_by_role("heading", name="Apply 1 change?")).to_be_visible()
    expect(plan).to_have_text(f"general: changed {LIMIT} {limit} → {limit + 1}")
    # Another change happens before this one is applied.
    demo.command("import_configuration", "-", stdin=change(limit + 2))
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was applied. This is the new plan.")
    expect(plan).to_have_text(f"general: changed {LIMIT} {limit + 2} → {limit + 1}")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("1 item was changed.")).to_be_visible()
    Console(page).open("General")
    expect(page.locator(f"[name={LIMIT}]")).to_have_value(str(limit + 1))


def test_change_is_undone_unless_its_values_were_changed_again(admin_window):
    page, console = admin_window, Console(admin_window)
    page.goto("/admin/")
    console.open("General")
    field = page.locator(f"[name={LIMIT}]")
    limit = int(field.input_value())
    field.fill(str(limit + 5))
    console.save("Saved.")
    path = "/admin/system/generalconfiguration/history/"
    page.goto(path)
    first = page.get_by_role("link", name="Undo").first.get_attribute("href")
    page.get_by_role("link", name="Undo").first.click()
    expect(page.locator(".console-list li")).to_contain_text(f"{limit + 5} → {limit}")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The change was undone.")).to_be_visible()
    console.open("General")
    expect(field).to_have_value(str(limit))

    page.goto(first)
    expect(page.get_by_role("heading", name="This change cannot be undone")).to_be_visible()
    expect(page.get_by_text("Undo the later change first.")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
