"""A staff account's browser, and its forms filled in as a person would leave them."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from apps.events.models import Event
from tests import factories
from tests.fakes.portal import Portal


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
    return User.objects.create_superuser("olga", password="a password of Olga's own")


@pytest.fixture
def console(administrator):
    cache.clear()
    browser = Browser()
    browser.force_login(administrator)
    return browser


@pytest.fixture
def changes(db):
    """Return what the last event says, after checking that it says who did it."""

    def read(event_type):
        event = Event.objects.filter(event_type=event_type).latest("id")
        assert event.details["who"] == "olga"
        return event.details

    return read


def errors(page):
    """Return all texts of a page's form errors, its inlines' too."""
    found = {name: list(texts) for name, texts in page.context["adminform"].form.errors.items()}
    for inline in page.context["inline_admin_formsets"]:
        for problem in [*inline.formset.errors, {"__all__": inline.formset.non_form_errors()}]:
            for name, texts in problem.items():
                found.setdefault(name, []).extend(texts)
    return {name: " ".join(map(str, texts)) for name, texts in found.items() if texts}


@pytest.fixture
def sink():
    with Portal() as portal:
        yield portal


@pytest.fixture
def endpoint(db, sink):
    return factories.CallbackEndpointFactory(url=sink.url + "/callback")
