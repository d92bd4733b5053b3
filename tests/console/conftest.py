"""Fixtures of the console: signed-in browsers and form helpers."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from apps.events.models import Event
from tests import factories
from tests.browsers import new_page
from tests.demo.running import Run
from tests.fakes.portal import Portal

PASSWORD = "a password of Olga's own"


class Browser(Client):
    """Test client that submits a page's form with changed fields."""

    def form(self, path):
        page = self.get(path)
        assert page.status_code == 200, page
        context = page.context
        forms = [context["adminform"].form]
        for inline in context["inline_admin_formsets"]:
            forms += [inline.formset.management_form, *inline.formset.forms]
        fields = {}
        for form in forms:
            for bound in form:
                value = bound.value()
                if value is True:
                    fields[bound.html_name] = "on"
                elif value is not None and value is not False:
                    fields[bound.html_name] = value
        return fields

    def save(self, path, **changes):
        """POST the form of `path` with changes; fields set to None are omitted."""
        fields = {**self.form(path), **changes}
        return self.post(path, {name: value for name, value in fields.items() if value is not None})


@pytest.fixture
def administrator(db):
    return User.objects.create_superuser("olga", password=PASSWORD)


@pytest.fixture
def console(administrator):
    cache.clear()
    browser = Browser()
    assert sign_in(browser, "olga", PASSWORD).status_code == 302
    return browser


@pytest.fixture
def changes(db):
    """Return the details of the latest event, after checking its actor."""

    def read(event_type):
        event = Event.objects.filter(event_type=event_type).latest("id")
        assert event.details["who"] == "olga"
        return event.details

    return read


def sign_in(browser, name, password, **environment):
    """POST the sign-in form; `environment` contains WSGI variables such as REMOTE_ADDR."""
    return browser.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"}, **environment)


def sign_in_again(browser):
    """Sign the administrator in after a change of the encryption keys, which ends all sessions."""
    assert sign_in(browser, "olga", PASSWORD).status_code == 302


def errors(page):
    """Return the form errors of a page, including those of its inlines."""
    found = {name: list(texts) for name, texts in page.context["adminform"].form.errors.items()}
    for inline in page.context["inline_admin_formsets"]:
        for problem in [*inline.formset.errors, {"__all__": inline.formset.non_form_errors()}]:
            for name, texts in problem.items():
                found.setdefault(name, []).extend(texts)
    return {name: " ".join(map(str, texts)) for name, texts in found.items() if texts}


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo as `make run` starts it, under the host name of its passkeys; `password` is the administrator's."""
    running = Run(tmp_path_factory.mktemp("demo"))
    try:
        running.password = running.wait_until_ready()[1].split()[-1]
        running.base = f"http://localhost:{running.port}"
        yield running
    finally:
        running.kill()


@pytest.fixture
def window(demo, chromium):
    """A page of a real browser at the demo. Script errors and policy violations fail the test."""
    with new_page(chromium, base_url=demo.base) as page:
        yield page


@pytest.fixture(scope="session")
def administrator_state(demo, chromium):
    """The cookies of the demo's administrator."""
    with new_page(chromium, base_url=demo.base) as page:
        sign_in_with_browser(page, "admin", demo.password)
        return page.context.storage_state()


@pytest.fixture
def admin_window(demo, chromium, administrator_state):
    """A page of a real browser with the demo's administrator."""
    with new_page(chromium, base_url=demo.base, storage_state=administrator_state) as page:
        yield page


def sign_in_with_browser(page, name, password):
    """Sign in with a real browser."""
    page.goto("/admin/login/")
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


@pytest.fixture
def fake_portal():
    with Portal() as portal:
        yield portal


@pytest.fixture
def endpoint(db, fake_portal):
    return factories.CallbackEndpointFactory(url=fake_portal.url + "/callback")
