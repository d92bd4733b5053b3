"""Access to the console, error pages and staff accounts."""

import json
import re
from io import StringIO

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.events.models import Event
from tests import factories
from tests.console.conftest import Browser, errors, sign_in

LISTS = [
    "/admin/push/pushmessagingconfiguration/",
    "/admin/transactions/mobileauthenticationtype/",
    "/admin/callbacks/callbackendpoint/",
    "/admin/callbacks/callbackdelivery/",
    "/admin/applications/application/",
    "/admin/applications/apiclient/",
    "/admin/auth/user/",
    "/admin/enrollment/profile/",
    "/admin/transactions/transaction/",
    "/admin/events/event/",
]
SETTINGS = ["/admin/system/features/", "/admin/system/apnsproxy/", "/admin/system/generalconfiguration/"]


@pytest.mark.parametrize(
    "path", ["/admin/", *SETTINGS, *LISTS, "/admin/applications/apiclient/add/", "/admin/nothing/"]
)
def test_anonymous_request_is_redirected_to_login(client, db, path):
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("flags", [{}, {"is_staff": True}])
def test_account_without_role_is_redirected_to_login(client, db, flags):
    client.force_login(User.objects.create_user("eve", password="x", **flags))
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("path", ["/admin/", *SETTINGS, *LISTS])
def test_every_page_has_product_title_and_menu(console, path):
    page = console.get(path)
    assert page.status_code == 200
    assert "| Countersign</title>" in re.sub(r"\s+", " ", page.content.decode())
    assert "Django" not in page.content.decode()
    assert 'aria-current="page"' in page.content.decode()


def test_registered_models_are_the_expected_ones():
    assert {model._meta.label for model in admin.site._registry} == {
        "applications.ApiClient",
        "applications.Application",
        "auth.User",
        "callbacks.CallbackDelivery",
        "callbacks.CallbackEndpoint",
        "ciba.SigningKey",
        "enrollment.Profile",
        "geocontext.ConfirmationTemplate",
        "geocontext.Geolocation",
        "events.Event",
        "integrations.KeycloakIntegration",
        "push.PushMessagingConfiguration",
        "system.ApnsProxy",
        "system.Features",
        "system.GeneralConfiguration",
        "transactions.SmsUsage",
        "transactions.MobileAuthenticationType",
        "transactions.Transaction",
    }


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/admin/push/", "/admin/push/pushmessagingconfiguration/"),
        ("/admin/applications/", "/admin/applications/application/"),
        ("/admin/transactions/", "/admin/transactions/mobileauthenticationtype/"),
        ("/admin/system/", "/admin/system/generalconfiguration/"),
    ],
)
def test_app_url_redirects_to_first_page(console, path, target):
    assert console.get(path)["Location"] == target


def test_unknown_url_shows_custom_error_page(console):
    page = console.get("/admin/nothing/here/")
    assert page.status_code == 404
    assert "This page does not exist" in page.content.decode()


def test_server_error_shows_custom_error_page(console, monkeypatch):
    console.raise_request_exception = False
    monkeypatch.setattr("apps.console.start_page.outcomes", lambda: 1 // 0)
    page = console.get("/admin/")
    assert page.status_code == 500
    assert "<h1>Internal server error</h1>" in page.content.decode()


def test_csrf_failure_shows_custom_error_page(administrator):
    client = Client(enforce_csrf_checks=True)
    client.force_login(administrator)
    page = client.post("/admin/system/features/", {})
    assert page.status_code == 403
    assert "This form has expired" in page.content.decode()


def test_logout_shows_custom_page(console):
    page = console.post("/admin/logout/")
    assert "You are logged out of the console." in page.content.decode()
    assert console.get("/admin/").status_code == 302


def create_staff(*arguments):
    output = StringIO()
    call_command("create_staff", *arguments, stdout=output)
    return output.getvalue()


def test_initial_password_must_be_changed(db):
    printed = create_staff("nora", "--role", "admin")
    password = re.search(r"^password: (\S+)$", printed, re.MULTILINE)[1]
    browser = Browser()
    signed_in = browser.post("/admin/login/", {"username": "nora", "password": password, "next": "/admin/"})
    assert signed_in["Location"] == "/admin/"
    assert browser.get("/admin/")["Location"] == "/admin/password_change/"
    assert browser.get("/admin/applications/apiclient/")["Location"] == "/admin/password_change/"

    own = "a password of Nora's own"
    changed = browser.post(
        "/admin/password_change/", {"old_password": password, "new_password1": own, "new_password2": own}
    )
    assert changed["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    assert password not in json.dumps(list(Event.objects.values("details")))


def test_create_staff_prints_json(db):
    account = json.loads(create_staff("nora", "--role", "admin", "--json"))
    assert account["name"] == "nora"
    assert account["role"] == "admin"
    assert User.objects.get(username="nora").check_password(account["password"])


def test_create_staff_rejects_existing_name(db):
    create_staff("nora", "--role", "admin")
    with pytest.raises(CommandError) as rejected:
        create_staff("Nora", "--role", "admin")
    assert str(rejected.value) == "A staff account named “Nora” already exists."
    assert rejected.value.returncode == 1


def test_password_set_by_administrator_must_be_changed(console, changes):
    nora = User.objects.create_superuser("nora", password="an old password")
    path = reverse("admin:auth_user_password_change", args=[nora.pk])
    console.post(path, {"password1": "made up by Olga", "password2": "made up by Olga", "usable_password": "true"})
    browser = Browser()
    assert sign_in(browser, "nora", "made up by Olga").status_code == 302
    assert browser.get("/admin/")["Location"] == "/admin/password_change/"
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["password"]


def test_new_administrator_is_superuser(console):
    fields = {"username": "piet", "role": "admin", "password1": "made up by Olga", "password2": "made up by Olga"}
    page = console.post("/admin/auth/user/add/", {**fields, "usable_password": "true"}, follow=True).content.decode()
    assert "The staff account “piet” was added successfully." in page
    piet = User.objects.get(username="piet")
    path = f"/admin/auth/user/{piet.pk}/change/"
    page = console.post(path, console.form(path), follow=True).content.decode()
    assert "The staff account “piet” was changed successfully." in page
    assert piet.is_staff
    assert piet.is_superuser


def test_own_account_cannot_be_deleted_or_deactivated(console, administrator):
    path = f"/admin/auth/user/{administrator.pk}/"
    assert console.post(path + "delete/", {"post": "yes"}).status_code == 403
    console.save(path + "change/", is_active=None)
    administrator.refresh_from_db()
    assert administrator.is_active


@pytest.mark.parametrize("name", ["uadmin", "UADMIN", "uAdmin"])
def test_staff_names_differ_in_more_than_case(console, name):
    User.objects.create_user("uadmin", is_staff=True)
    operator = User.objects.create_user("uoperator", is_staff=True)
    fields = {"username": name, "role": "operator", "password1": "made up by Olga", "password2": "made up by Olga"}
    added = console.post("/admin/auth/user/add/", fields)
    renamed = console.save(f"/admin/auth/user/{operator.pk}/change/", username=name, role="operator")
    taken = {"username": "A user with that username already exists."}
    assert [errors(added), errors(renamed)] == [taken, taken]
    assert set(User.objects.values_list("username", flat=True)) == {"olga", "uadmin", "uoperator"}


def test_account_can_change_case_of_its_name(console):
    operator = User.objects.create_user("uoperator", is_staff=True)
    path = f"/admin/auth/user/{operator.pk}/change/"
    assert console.save(path, username="UOperator", role="operator").status_code == 302
    operator.refresh_from_db()
    assert operator.username == "UOperator"


def test_password_hash_is_not_shown(console, administrator):
    page = console.get(f"/admin/auth/user/{administrator.pk}/change/").content.decode()
    _algorithm, salt, digest = administrator.password.split("$")
    assert salt not in page
    assert digest not in page


def test_static_files_of_pages_exist(console):
    pages = console.get("/admin/").content.decode() + console.get("/admin/applications/apiclient/add/").content.decode()
    paths = set(re.findall(r'"/static/([^"?]+)"', pages))
    assert {"console/console.css", "console/console.js", "console/mark.svg"} <= paths
    assert [path for path in paths if not finders.find(path)] == []


def test_user_search_matches_exact_id_only(console, device):
    factories.TypeFactory()
    assert device.device_id not in console.get("/admin/enrollment/profile/?q=ann").content.decode()
    assert "Phone of anna" in console.get("/admin/enrollment/profile/?q=anna").content.decode()
