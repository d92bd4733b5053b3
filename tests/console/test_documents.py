"""Links from warnings of the console to the documentation."""

import pytest
from django.utils import timezone

from apps.common.console import documents
from tests import factories

SITE = "https://docs.example.com/countersign"


@pytest.fixture
def rejected(db):
    return factories.PushMessagingConfigurationFactory(
        name="google", delivery_error="PERMISSION_DENIED", delivery_error_at=timezone.now()
    )


def test_warning_links_its_section_on_the_site(console, rejected, settings):
    settings.DOCUMENTATION_URL = SITE
    page = console.get("/admin/").content.decode()
    assert f'<a href="{SITE}/troubleshooting.html#pushes-are-rejected">Troubleshooting</a>' in page


def test_warning_links_its_section_on_this_server(console, rejected, settings):
    settings.DOCUMENTATION_URL = ""
    page = console.get("/admin/").content.decode()
    assert '<a href="/docs/troubleshooting.html#pushes-are-rejected">Troubleshooting</a>' in page


def test_warning_without_pages_names_its_section(console, rejected, settings, tmp_path, monkeypatch):
    settings.DOCUMENTATION_URL, settings.DOCUMENTATION_DIR = "", tmp_path
    monkeypatch.setattr(documents, "DOCUMENTS", tmp_path / "docs")
    page = console.get("/admin/").content.decode()
    assert "Troubleshooting: <code>docs/troubleshooting.md#pushes-are-rejected</code>" in page


@pytest.mark.parametrize(
    ("path", "error"), [("/admin/system/features/", "1000"), ("/admin/system/generalconfiguration/", "4001")]
)
def test_settings_link_the_errors_that_they_cause(console, settings, path, error):
    settings.DOCUMENTATION_URL = SITE
    page = console.get(path, follow=True).content.decode()
    assert f'<a href="{SITE}/errors/{error}.html">Error {error}</a>' in page


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/admin/system/generalconfiguration/", "security.html#threats"),
        ("/admin/transactions/mobileauthenticationtype/add/", "security.html#nist-sp-800-63b-4"),
        ("/admin/push/pushmessagingconfiguration/add/", "troubleshooting.html#googles-legacy-api-was-shut-down"),
    ],
)
def test_warnings_beside_fields_open_their_documents_in_a_new_tab(console, db, settings, path, document):
    settings.DOCUMENTATION_URL = SITE
    page = console.get(path, follow=True).content.decode()
    assert f'href="{SITE}/{document}" target="_blank" rel="noopener">' in page
