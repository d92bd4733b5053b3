"""Sessions survive a new SECRET_KEY while the old one is among the fallbacks."""

import pytest
from django.contrib.auth.models import User

from tests.console.conftest import Browser, sign_in

PASSWORD = "a password of Nora's own"
NEW = "another-key-" + "1" * 50


@pytest.fixture
def browser(db):
    User.objects.create_superuser("nora", password=PASSWORD)
    browser = Browser()
    assert sign_in(browser, "nora", PASSWORD).status_code == 302
    return browser


def test_session_survives_a_rotation_of_the_secret_key(browser, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [settings.SECRET_KEY]
    assert browser.get("/admin/").status_code == 200
    # The session is signed with the new key now.
    settings.SECRET_KEY_FALLBACKS = []
    assert browser.get("/admin/").status_code == 200


def test_session_ends_without_the_old_secret_key(browser, settings):
    settings.SECRET_KEY = NEW
    assert browser.get("/admin/").status_code == 302
