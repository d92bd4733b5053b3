"""A staff account's browser, and its forms filled in as a person would leave them."""

import shutil

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from apps.events.models import Event
from tests import factories
from tests.demo.running import STEP_SECONDS, Run
from tests.fakes.portal import Portal

# A busy machine is slow, not wrong.
expect.set_options(timeout=STEP_SECONDS * 1000)
PASSWORD = "a password of Olga's own"
CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="NO BROWSER WAS TESTED: there is no chromium on this machine"
)


class Browser(Client):
    """A browser that sends a page's form back, with some fields changed."""

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
        """POST the form of `path` with changes; a field set to None is left out."""
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
    """Return what the last event says, after checking that it says who did it."""

    def read(event_type):
        event = Event.objects.filter(event_type=event_type).latest("id")
        assert event.details["who"] == "olga"
        return event.details

    return read


def sign_in(browser, name, password, **environment):
    """POST the sign-in page's form; `environment` as for WSGI, such as REMOTE_ADDR."""
    return browser.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"}, **environment)


def sign_in_again(browser):
    """Sign the administrator in after a change of the encryption keys, which ends every session."""
    assert sign_in(browser, "olga", PASSWORD).status_code == 302


def errors(page):
    """Return all texts of a page's form errors, its inlines' too."""
    found = {name: list(texts) for name, texts in page.context["adminform"].form.errors.items()}
    for inline in page.context["inline_admin_formsets"]:
        for problem in [*inline.formset.errors, {"__all__": inline.formset.non_form_errors()}]:
            for name, texts in problem.items():
                found.setdefault(name, []).extend(texts)
    return {name: " ".join(map(str, texts)) for name, texts in found.items() if texts}


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo as `make run` starts it, under the name that passkeys are made for; `password` opens its console."""
    running = Run(tmp_path_factory.mktemp("demo"))
    try:
        running.password = running.wait_until_ready()[1].split()[-1]
        running.base = f"http://localhost:{running.port}"
        yield running
    finally:
        running.kill()


@pytest.fixture
def window(demo):
    """A page of a real browser, at the demo; faults of scripts and breaches of the policy fail the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=demo.base)
        page.set_default_timeout(STEP_SECONDS * 1000)
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if "Content Security Policy" in told.text else None)
        yield page
        browser.close()
        assert faults == []


def enter(page, name, password):
    """Sign in with a real browser."""
    page.goto("/admin/login/")
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


@pytest.fixture
def sink():
    with Portal() as portal:
        yield portal


@pytest.fixture
def endpoint(db, sink):
    return factories.CallbackEndpointFactory(url=sink.url + "/callback")
