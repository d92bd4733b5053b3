"""Who may see and do what: every page of the console, for every role."""

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
from apps.events.models import Event
from apps.staff import accounts
from apps.staff.roles import Role, grant_permissions
from apps.transactions.models import SmsUsage
from tests.console.conftest import Browser

HELPDESK_SEES = {"enrollment.Profile", "transactions.Transaction"}
# Rows that the server writes: for nobody to add or change. A configuration of one row is there already.
ONLY_SHOWN = {
    *("enrollment.Profile", "transactions.Transaction", "transactions.SmsUsage"),
    *("events.Event", "callbacks.CallbackDelivery"),
}
ONE_ROW = {
    *("system.ApnsProxy", "system.Features", "system.GeneralConfiguration"),
    *("geocontext.ConfirmationTemplate", "geocontext.Geolocation"),
}
PAGES = sorted(model._meta.label for model in admin.site._registry)


def browser_of(role, name="rosa"):
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
    """A row behind every page, by the page's label."""
    started = portal.start(mobile_type, device).json()
    device.answer(device.fetch(started["transaction_id"]), approve=False)
    CallbackEndpoint.objects.create(url="https://portal.example.com/callback", password="callback-password")
    SmsUsage.objects.create(client=portal.api_client, day=timezone.now().date(), country="NL", sent=1)
    browser_of("admin", "olga").get("/admin/system/apnsproxy/")
    found = {}
    for model in admin.site._registry:
        found[model._meta.label] = getattr(model, "get_solo", model._base_manager.first)()
    return found


def everything_stored():
    """Return all rows of the project's tables and of the accounts, but for what reading itself writes."""
    models = [model for app in apps.get_app_configs() if app.name.startswith("apps.") for model in app.get_models()]
    return {
        model._meta.label: sorted(map(repr, model._base_manager.values_list()))
        for model in [*models, User, User.groups.through]
    }


def status(answer):
    return "sent away" if answer.status_code == 302 and "/login/" in answer["Location"] else answer.status_code


def addresses(label, row):
    """Return every address of a page, also those of its buttons, with the row's number where one is wanted."""
    model_admin = admin.site._registry[apps.get_model(label)]
    base = f"/admin/{label.lower().replace('.', '/')}/"
    found = set()
    for pattern in model_admin.get_urls():
        route = re.sub(r"<[^>]+>", str(row.pk), str(pattern.pattern))
        if not route.startswith("^"):
            found.add(base + route)
    return sorted(found)


def test_an_administrator_opens_every_page_and_adds_what_can_be_added(rows):
    browser = browser_of("admin")
    for label in PAGES:
        base = f"/admin/{label.lower().replace('.', '/')}/"
        assert browser.get(base).status_code == 200
        change = browser.get(f"{base}{rows[label].pk}/change/")
        assert change.status_code == 200
        assert "Read-only: you can view this page but not change it." not in change.content.decode()
        assert (browser.get(f"{base}add/").status_code == 200) == (label not in ONLY_SHOWN | ONE_ROW)


def test_an_operator_sees_every_page_and_no_way_to_change_anything(rows):
    browser = browser_of("operator")
    for label in PAGES:
        assert_only_shown(browser, label, rows[label])


def test_helpdesk_sees_users_and_transactions_and_no_other_page(rows):
    browser = browser_of("helpdesk")
    for label in PAGES:
        if label in HELPDESK_SEES:
            assert_only_shown(browser, label, rows[label])
            continue
        for address in addresses(label, rows[label]):
            assert browser.get(address, follow=True).status_code in (403, 404), address


def assert_only_shown(browser, label, row):
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
def test_no_post_of_who_may_only_look_changes_anything(rows, role):
    browser = browser_of(role)
    before = everything_stored()
    for label, row in rows.items():
        for address in addresses(label, row):
            answer = browser.post(address, {"post": "yes", "_save": "Save", "name": "changed", "state_token": "x"})
            # A list without actions answers a POST like a GET.
            assert answer.status_code in (403, 404, 405) or "/change/" not in address, address
    assert everything_stored() == before


def pages_of_no_model():
    """Return the console's own addresses, but for those about the account that is signed in."""
    own = re.compile(r"^$|^(login|logout|password_change|jsi18n|search|autocomplete|second-factor)/")
    routes = [str(pattern.pattern) for pattern in admin.site.get_urls() if isinstance(pattern, URLPattern)]
    return ["/admin/" + route for route in routes if not own.match(route) and "<" not in route]


def test_pages_of_no_model_ask_for_a_permission_as_well(rows):
    helpdesk, operator = browser_of("helpdesk"), browser_of("operator", "piet")
    before = everything_stored()
    for path in pages_of_no_model():
        assert helpdesk.get(path).status_code == 403, path
        assert helpdesk.post(path).status_code == 403, path
        # A check of the configuration changes nothing.
        assert operator.post(path).status_code == (200 if "check" in path else 403), path
    assert everything_stored() == before


def test_pages_never_show_a_stored_secret_to_who_may_only_look(rows):
    browser = browser_of("operator")
    shown = "".join(
        browser.get(f"/admin/{label.lower().replace('.', '/')}/{row.pk}/change/").content.decode()
        for label, row in rows.items()
    )
    for secret in (
        "callback-password",
        "BEGIN PRIVATE KEY",
        "push-token-of",
        *rows["applications.ApiClient"].secret_hashes,
    ):
        assert secret not in shown
    assert "Password stored" in shown
    assert "Sign in?" in shown


def test_the_menu_holds_what_the_role_may_see(rows):
    def items(role):
        page = browser_of(role, role).get("/admin/").content.decode()
        return re.findall(r'class="console-menu-item".*?</span>\s*(.*?)\s*</a>', page, re.DOTALL)

    assert items("operator") == items("admin")
    assert items("helpdesk") == ["Start", "Users", "Transactions"]


def test_helpdesk_finds_no_way_to_configuration_or_activity_on_its_pages(rows, device):
    browser = browser_of("helpdesk")
    start = browser.get("/admin/").content.decode()
    user = browser.get(f"/admin/enrollment/profile/{rows['enrollment.Profile'].pk}/change/").content.decode()
    transaction = rows["transactions.Transaction"]
    shown = browser.get(f"/admin/transactions/transaction/{transaction.pk}/change/").content.decode()
    assert "Transactions of the last 24 hours" in start
    assert "Latest events of this user" in user
    assert "PUSH ENROLLMENT SUCCESS" in user
    assert transaction.client.name in shown
    for page in (start, user, shown):
        links = set(re.findall(r'href="(/admin/[^"?]*)', page))
        assert all(browser.get(link, follow=True).status_code == 200 for link in links if link != "/admin/logout/"), (
            links
        )
    for path in ("/admin/push/", "/admin/system/", "/admin/applications/", "/admin/events/"):
        refused = browser.get(path)
        assert refused.status_code == 404
    refused = browser.get("/admin/events/event/")
    assert refused.status_code == 403
    assert "<h1>" in refused.content.decode()


def test_an_account_without_a_role_does_not_get_in(db):
    browser = Browser()
    browser.force_login(User.objects.create_user("eve", password="x", is_staff=True))
    assert status(browser.get("/admin/")) == "sent away"


def test_a_model_that_comes_later_is_seen_by_operators_and_not_by_helpdesk(db):
    """After every migration the roles get what is missing, and lose what they should not have."""
    operator, helpdesk = Group.objects.get(name="operator"), Group.objects.get(name="helpdesk")
    held = set(operator.permissions.values_list("codename", flat=True))
    operator.permissions.remove(operator.permissions.get(codename="view_application"))
    helpdesk.permissions.add(operator.permissions.get(codename="view_apiclient"))
    call_command("migrate", verbosity=0)
    assert set(operator.permissions.values_list("codename", flat=True)) == held
    assert set(helpdesk.permissions.values_list("codename", flat=True)) == {"view_profile", "view_transaction"}
    assert {name.partition("_")[0] for name in held} == {"view"}
    # A database whose tables of accounts do not exist yet is none of its business.
    grant_permissions(apps.get_app_config("system"), "default", apps=type(apps)())


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_create_staff_makes_an_account_of_the_role(db, role):
    output = StringIO()
    call_command("create_staff", "nora", "--role", role, "--json", stdout=output)
    assert json.loads(output.getvalue())["role"] == role
    nora = User.objects.get(username="nora")
    assert not nora.is_superuser
    assert accounts.get_role(nora) == role
    assert Event.objects.latest("id").details["changes"]["role"] == [None, role]


def test_create_staff_knows_three_roles(db):
    with pytest.raises(CommandError, match="boss"):
        call_command("create_staff", "nora", "--role", "boss")
    assert not User.objects.exists()


def test_an_administrator_changes_a_role_and_the_account_has_to_sign_in_again(console, changes):
    nora = browser_of("helpdesk", "nora")
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


def test_a_change_without_a_new_role_leaves_the_account_signed_in(console):
    nora = browser_of("helpdesk", "nora")
    path = reverse("admin:auth_user_change", args=[User.objects.get(username="nora").pk])
    assert console.save(path, first_name="Nora").status_code == 302
    assert nora.get("/admin/").status_code == 200


def test_nobody_changes_their_own_role(console, administrator):
    path = f"/admin/auth/user/{administrator.pk}/change/"
    console.post(path, {"username": "olga", "role": "helpdesk", "first_name": "Olga"})
    administrator.refresh_from_db()
    assert administrator.first_name == "Olga"
    assert administrator.is_superuser


def test_a_deactivated_account_is_signed_out_for_good(console):
    nora = browser_of("operator", "nora")
    path = reverse("admin:auth_user_change", args=[User.objects.get(username="nora").pk])
    console.save(path, is_active=None)
    console.save(path, is_active="on")
    assert status(nora.get("/admin/")) == "sent away"
