"""Titles of windows, names of buttons, and dates in the language of the reader."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from tests import factories


def title(console, path, language="en"):
    page = console.get(path, headers={"Accept-Language": language}, follow=True)
    assert page.status_code == 200
    return " ".join(re.search("<title>(.*?)</title>", page.content.decode(), re.DOTALL)[1].split())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "Start"),
        ("applications/apiclient/", "API clients"),
        ("applications/apiclient/add/", "Add API client | API clients"),
        ("applications/apiclient/{client}/change/", "Shop | API clients"),
        ("applications/apiclient/{client}/history/", "History | Shop | API clients"),
        ("applications/apiclient/{client}/delete/", "Delete | Shop | API clients"),
        ("auth/user/add/", "Add staff account | Staff accounts"),
        ("system/features/", "Features"),
        ("password_change/", "Change password"),
        ("check-configuration/", "Check configuration"),
    ],
)
def test_title_names_the_page_and_its_list(console, path, expected):
    client = factories.ApiClientFactory(name="Shop")
    assert title(console, f"/admin/{path.format(client=client.pk)}") == f"{expected} | Countersign"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("nl", "Medewerkersaccount toevoegen | Medewerkersaccounts | Countersign"),
        ("de", "Mitarbeiterkonto hinzufügen | Mitarbeiterkonten | Countersign"),
        ("fr", "Ajouter : compte du personnel | Comptes du personnel | Countersign"),
    ],
)
def test_title_is_in_the_language_of_the_reader(console, language, expected):
    assert title(console, "/admin/auth/user/add/", language).replace("\u00a0", " ") == expected


def test_staff_accounts_are_not_called_users(console):
    page = console.get("/admin/auth/user/").content.decode()
    assert "Add staff account" in page
    assert re.search(r"1\s+staff account\s", page)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "28 Nov 2026, 09:05:07"),
        ("nl", "28 nov 2026, 09:05:07"),
        ("de", "28. Nov. 2026, 09:05:07"),
        ("fr", "28 nov. 2026, 09:05:07"),
    ],
)
def test_dates_have_the_format_of_the_language(console, language, expected):
    User.objects.filter(username="olga").update(last_login=datetime(2026, 11, 28, 9, 5, 7, tzinfo=UTC))
    page = console.get("/admin/auth/user/", headers={"Accept-Language": language})
    assert f">{expected}<" in page.content.decode()


def test_languages_are_named_in_their_own_language(console):
    page = console.get("/admin/").content.decode()
    for name in ("English", "Nederlands", "Deutsch", "Français"):
        assert re.search(rf">\s*{name}\s*<span", page), name
