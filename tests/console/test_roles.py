"""Permissions of every role on every page of the console."""

import json
import re
from io import StringIO

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import URLPattern, reverse
from django.utils import timezone

from apps.callbacks.models import CallbackEndpoint
from apps.ciba import keys
from apps.events.models import Event
from apps.integrations.models import KeycloakIntegration
from apps.staff import accounts
from apps.staff.roles import Role, grant_permissions
from apps.transactions.models import SmsUsage
from tests.console.conftest import Browser

HELPDESK_PAGES = {"enrollment.Profile", "transactions.Transaction"}
# Rows of the server cannot be added or changed. A configuration of one row already exists.
READ_ONLY = {
    *("enrollment.Profile", "transactions.Transaction", "transactions.SmsUsage"),
    *("events.Event", "callbacks.CallbackDelivery", "ciba.SigningKey"),
}
ONE_ROW = {
    *("system.ApnsProxy", "system.Features", "system.GeneralConfiguration"),
    *("geocontext.ConfirmationTemplate", "geocontext.Geolocation"),
}
PAGES = sorted(model._meta.label for model in admin.site._registry)


def sign_in_as(role, name="rosa"):
    user = User(username=name, is_staff=True)
    user.set_password("a password of Rosa's own")
    user.save()
    accounts.assign_role(user, Role(role))
    cache.clear()
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def rows(device, portal, mobile_type):
    """Rows for all pages, by model label."""
    started = portal.start(mobile_type, device).json()
    device.answer(device.fetch(started["transaction_id"]), approve=False)
    CallbackEndpoint.objects.create(url="https://portal.example.com/callback", password="callback-password")
    KeycloakIntegration.objects.create(
        name="realm-1", realm_url="https://sso.example.com/realms/1", api_client=portal.api_client, type=mobile_type
    )
    SmsUsage.objects.create(client=portal.api_client, day=timezone.now().date(), country="NL", sent=1)
    sign_in_as("admin", "olga").get("/admin/system/apnsproxy/")
    keys.active()
    found = {}
    for model in admin.site._registry:
        found[model._meta.label] = getattr(model, "get_solo", model._base_manager.first)()
    return found


def stored_rows():
    """Return all rows of the project's tables and accounts, except those that a read request writes."""
    models = [model for app in apps.get_app_configs() if app.name.startswith("apps.") for model in app.get_models()]
    return {
        model._meta.label: sorted(map(repr, model._base_manager.values_list()))
        for model in [*models, User, User.groups.through]
    }


def status(response):
    return "sent away" if response.status_code == 302 and "/login/" in response["Location"] else response.status_code


def addresses(label, row):
    """Return all paths of a page, including those of its buttons, with the row's id."""
    model_admin = admin.site._registry[apps.get_model(label)]
    base = f"/admin/{label.lower().replace('.', '/')}/"
    found = set()
    for pattern in model_admin.get_urls():
        route = re.sub(r"<[^>]+>", str(row.pk), str(pattern.pattern))
        if not route.startswith("^"):
            found.add(base + route)
    return sorted(found)


def test_administrator_opens_every_page(rows):
    browser = sign_in_as("admin")
    for label in PAGES:
        base = f"/admin/{label.lower().replace('.', '/')}/"
        assert browser.get(base).status_code == 200
        change = browser.get(f"{base}{rows[label].pk}/change/")
        assert change.status_code == 200
        assert "Read-only: you can view this page but not change it." not in change.content.decode()
        assert (browser.get(f"{base}add/").status_code == 200) == (label not in READ_ONLY | ONE_ROW)


def test_operator_views_every_page_without_changes(rows):
    browser = sign_in_as("operator")
    for label in PAGES:
        assert_read_only_pages(browser, label, rows[label])


def test_helpdesk_views_users_and_transactions_only(rows):
    browser = sign_in_as("helpdesk")
    for label in PAGES:
        if label in HELPDESK_PAGES:
            assert_read_only_pages(browser, label, rows[label])
            continue
        for address in addresses(label, rows[label]):
            assert browser.get(address, follow=True).status_code in (403, 404), address


def assert_read_only_pages(browser, label, row):
    base = f"/admin/{label.lower().replace('.', '/')}/"
    assert browser.get(base).status_code == 200
    assert browser.get(f"{base}add/").status_code == 403
    page = browser.get(f"{base}{row.pk}/change/")
    assert page.status_code == 200
    content = page.content.decode()
    assert "Read-only: you can view this page but not change it." in content
    main = content[content.index('id="content"') :]
    fields = re.findall(r'<(?:input|select|textarea|button)\b[^>]*\bname="(?!csrfmiddlewaretoken|s")([^"]+)"', main)
    assert [name for name in fields if not name.endswith(("_FORMS", "-id", "-application"))] == []
    assert not re.search(r"/(?:add|delete|new-secret|send-test-push|password)/\"", main)


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_post_of_read_only_role_changes_nothing(rows, role):
    browser = sign_in_as(role)
    before = stored_rows()
    for label, row in rows.items():
        for address in addresses(label, row):
            response = browser.post(address, {"post": "yes", "_save": "Save", "name": "changed", "state_token": "x"})
            # A list without actions handles a POST like a GET.
            assert response.status_code in (403, 404, 405) or "/change/" not in address, address
    assert stored_rows() == before


def pages_without_model():
    """Return the paths of the console's own pages, except those of the signed-in account."""
    own = re.compile(r"^$|^(login|logout|password_change|jsi18n|search|autocomplete|second-factor)/")
    routes = [str(pattern.pattern) for pattern in admin.site.get_urls() if isinstance(pattern, URLPattern)]
    return ["/admin/" + route for route in routes if not own.match(route) and "<" not in route]


# The configuration check changes nothing, and the export is a GET.
OPERATOR_POSTS = {"/admin/check-configuration/": 200, "/admin/configuration-file/export/": 405}


def test_pages_without_model_require_permission(rows):
    helpdesk, operator = sign_in_as("helpdesk"), sign_in_as("operator", "piet")
    before = stored_rows()
    for path in pages_without_model():
        assert helpdesk.get(path).status_code == 403, path
        assert helpdesk.post(path).status_code == 403, path
        assert operator.post(path).status_code == OPERATOR_POSTS.get(path, 403), path
    assert stored_rows() == before


def test_stored_secrets_are_not_shown_to_read_only_roles(rows):
    browser = sign_in_as("operator")
    page_text = "".join(
        browser.get(f"/admin/{label.lower().replace('.', '/')}/{row.pk}/change/").content.decode()
        for label, row in rows.items()
    )
    for secret in (
        "callback-password",
        "BEGIN PRIVATE KEY",
        "push-token-of",
        *rows["applications.ApiClient"].secret_hashes,
    ):
        assert secret not in page_text
    assert "Password stored" in page_text
    assert "Sign in?" in page_text


def test_menu_contains_pages_of_role(rows):
    def items(role):
        page = sign_in_as(role, role).get("/admin/").content.decode()
        return re.findall(r'class="console-menu-item".*?</span>\s*(.*?)\s*</a>', page, re.DOTALL)

    assert items("operator") == items("admin")
    assert items("helpdesk") == ["Start", "Users", "Transactions"]


def test_helpdesk_pages_do_not_link_other_pages(rows, device):
    browser = sign_in_as("helpdesk")
    start = browser.get("/admin/").content.decode()
    user = browser.get(f"/admin/enrollment/profile/{rows['enrollment.Profile'].pk}/change/").content.decode()
    transaction = rows["transactions.Transaction"]
    page_text = browser.get(f"/admin/transactions/transaction/{transaction.pk}/change/").content.decode()
    assert "Transactions of the last 24 hours" in start
    assert "Latest events of this user" in user
    assert "Device enrolled for push" in user
    assert transaction.client.name in page_text
    for page in (start, user, page_text):
        links = set(re.findall(r'href="(/admin/[^"?]*)', page))
        assert all(browser.get(link, follow=True).status_code == 200 for link in links if link != "/admin/logout/"), (
            links
        )
    for path in ("/admin/push/", "/admin/system/", "/admin/applications/", "/admin/events/"):
        rejected = browser.get(path)
        assert rejected.status_code == 404
    rejected = browser.get("/admin/events/event/")
    assert rejected.status_code == 403
    assert "<h1>" in rejected.content.decode()


def test_account_without_role_has_no_access(db):
    browser = Browser()
    browser.force_login(User.objects.create_user("eve", password="x", is_staff=True))
    assert status(browser.get("/admin/")) == "sent away"


def test_new_model_is_visible_to_operators_only(db):
    """Every migration grants missing permissions and removes other ones."""
    operator, helpdesk = Group.objects.get(name="operator"), Group.objects.get(name="helpdesk")
    codenames = set(operator.permissions.values_list("codename", flat=True))
    operator.permissions.remove(operator.permissions.get(codename="view_application"))
    helpdesk.permissions.add(operator.permissions.get(codename="view_apiclient"))
    call_command("migrate", verbosity=0)
    assert set(operator.permissions.values_list("codename", flat=True)) == codenames
    assert set(helpdesk.permissions.values_list("codename", flat=True)) == {"view_profile", "view_transaction"}
    assert {name.partition("_")[0] for name in codenames} == {"view"}
    # Databases without the tables of accounts are ignored.
    grant_permissions(apps.get_app_config("system"), "default", apps=type(apps)())


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_create_staff_assigns_role(db, role):
    output = StringIO()
    call_command("create_staff", "nora", "--role", role, "--json", stdout=output)
    assert json.loads(output.getvalue())["role"] == role
    nora = User.objects.get(username="nora")
    assert not nora.is_superuser
    assert accounts.get_role(nora) == role
    assert Event.objects.latest("id").details["changes"]["role"] == [None, role]


def test_create_staff_rejects_unknown_role(db):
    with pytest.raises(CommandError, match="boss"):
        call_command("create_staff", "nora", "--role", "boss")
    assert not User.objects.exists()


def test_role_change_ends_sessions(console, changes):
    nora = sign_in_as("helpdesk", "nora")
    assert nora.get("/admin/").status_code == 200
    path = reverse("admin:auth_user_change", args=[User.objects.get(username="nora").pk])
    assert console.save(path, role="operator").status_code == 302
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == {"role": ["helpdesk", "operator"]}
    assert status(nora.get("/admin/")) == "sent away"
    assert accounts.get_role(User.objects.get(username="nora")) == "operator"
    assert "Operator: read-only access to all pages" in console.get("/admin/auth/user/").content.decode()

    console.save(path, role="admin")
    assert User.objects.get(username="nora").is_superuser
    console.save(path, role="helpdesk")
    assert not User.objects.get(username="nora").is_superuser
    assert console.save(path, role="boss").status_code == 200
    assert accounts.get_role(User.objects.get(username="nora")) == "helpdesk"


def test_change_without_new_role_keeps_sessions(console):
    nora = sign_in_as("helpdesk", "nora")
    path = reverse("admin:auth_user_change", args=[User.objects.get(username="nora").pk])
    assert console.save(path, first_name="Nora").status_code == 302
    assert nora.get("/admin/").status_code == 200


def test_own_role_cannot_be_changed(console, administrator):
    path = f"/admin/auth/user/{administrator.pk}/change/"
    console.post(path, {"username": "olga", "role": "helpdesk", "first_name": "Olga"})
    administrator.refresh_from_db()
    assert administrator.first_name == "Olga"
    assert administrator.is_superuser


def test_deactivation_ends_sessions(console):
    nora = sign_in_as("operator", "nora")
    path = reverse("admin:auth_user_change", args=[User.objects.get(username="nora").pk])
    console.save(path, is_active=None)
    console.save(path, is_active="on")
    assert status(nora.get("/admin/")) == "sent away"
