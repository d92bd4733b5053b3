"""The documentation below /docs/: the built site, or pages rendered from Markdown."""

import os
import re
from urllib.parse import urljoin

import pytest
from django.conf import settings
from django.contrib import admin
from playwright.sync_api import expect

from apps.console.documentation import markdown, sources
from apps.console.page_documents import SECTIONS
from tests import factories
from tests.architecture import pages
from tests.browsers import needs_browser
from tests.console.test_roles import sign_in_as

SCRIPT = "document.title = 'run'"


@pytest.fixture
def site(tmp_path, settings):
    """Site as `make docs` builds it."""
    settings.DOCUMENTATION_DIR = tmp_path / "docs"
    for name, content in {
        "index.html": "<!doctype html><h1>Countersign</h1>",
        "errors/index.html": "<!doctype html><h1>Errors</h1>",
        "errors/1001.html": "<!doctype html><h1>1001</h1>",
        "assets/page.js": SCRIPT,
    }.items():
        path = settings.DOCUMENTATION_DIR / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "secret.txt").write_text("secret")
    return settings.DOCUMENTATION_DIR


@pytest.fixture
def no_site(tmp_path, settings):
    settings.DOCUMENTATION_DIR = tmp_path


def content(response):
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode()


def test_page_of_the_site_has_policy_and_is_cacheable(client, site):
    response = client.get("/docs/errors/1001.html")
    assert (response.status_code, content(response)) == (200, "<!doctype html><h1>1001</h1>")
    assert response["Content-Type"].startswith("text/html")
    assert response["Cache-Control"] == "max-age=60, public"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert {"script-src 'self'", "frame-ancestors 'none'"} <= set(response["Content-Security-Policy"].split("; "))
    assert not response.cookies
    again = client.get("/docs/errors/1001.html", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/docs", "/docs/index.html"])
def test_start_page_has_one_url(client, site, path):
    assert urljoin(f"https://auth.example.com{path}", client.get(path)["Location"]) == "https://auth.example.com/docs/"
    assert content(client.get("/docs/")) == "<!doctype html><h1>Countersign</h1>"


@pytest.mark.parametrize(
    "path",
    [
        *("/docs/../secret.txt", "/docs/%2e%2e/secret.txt", "/docs/..%2fsecret.txt", "/docs//etc/passwd"),
        *("/docs/errors/../../secret.txt", "/docs/nothing.html", "/docs/troubleshooting.md", "/docs/a\\..\\b"),
    ],
)
def test_other_files_are_not_served(client, site, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "secret" not in content(response)


def test_other_methods_are_rejected(client, site):
    assert client.post("/docs/").status_code == 405
    assert client.head("/docs/").status_code == 200


def test_new_build_is_served_without_a_restart(client, site):
    assert client.get("/docs/new.html").status_code == 404
    (site / "new.html").write_text("new")
    os.utime(site / "index.html", (1, 1))
    assert content(client.get("/docs/new.html")) == "new"


@pytest.mark.parametrize("path", ["/docs/errors/index.html", "/docs/errors/index", "/docs/errors/"])
def test_page_is_rendered_without_a_site(client, no_site, path):
    response = client.get(path)
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Cache-Control"] == "max-age=60, public"
    assert {"script-src 'self'", "style-src 'self' 'unsafe-inline'"} <= set(
        response["Content-Security-Policy"].split("; ")
    )
    assert not response.cookies
    page = content(response)
    assert '<html lang="en">' in page
    assert '<a href="/docs/errors/index.html" aria-current="page">' in page
    assert '<a rel="next" href="/docs/errors/1000.html">' in page
    assert not re.search(r"<script|\bstyle=", page)


def test_files_of_the_pages_are_served_without_a_site(client, no_site):
    assert client.get("/docs/images/mark.svg")["Content-Type"] == "image/svg+xml"
    assert content(client.get("/docs/")).startswith("<!doctype html>")


@pytest.mark.parametrize(
    "path", ["/docs/../README", "/docs/..%2fREADME.html", "/docs/nothing", "/docs/stylesheets/site.css", "/docs//index"]
)
def test_other_files_are_not_served_without_a_site(client, no_site, path):
    assert client.get(path).status_code == 404


def test_rendered_pages_have_the_anchors_and_links_of_the_site():
    contents = {page: markdown.render(page, path.read_text()).content for page, path in sources.pages().items()}
    ids = {markdown.page_url(page): {*re.findall(r'<h\d id="([^"]+)"', text), ""} for page, text in contents.items()}
    for page, path in sources.pages().items():
        # The second heading of the same name has a number.
        anchors = {re.sub(r"_\d$", "", anchor) for anchor in ids[markdown.page_url(page)]}
        assert anchors == {*pages.anchors(path), ""}, page
    for page, text in contents.items():
        for target in re.findall(r'(?:href|src)="([^"]*)"', text):
            url, _hash, anchor = target.partition("#")
            if url.startswith(("https://", "http://")) or url.removeprefix("/docs/") in sources.files():
                continue
            assert anchor in ids[url or markdown.page_url(page)], (page, target)


def test_html_and_unknown_targets_of_a_text_are_not_rendered(client, no_site, tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text(
        "# Page <b>1</b>\n\n<script>alert(1)</script>\n\n10<sup>13</sup> [a](javascript:alert) [`b`](../manage.py)\n\n"
        "![Picture](missing.png)\n\n1. one\n\n    ```sh\n    echo <1>\n    ```\n\n<!-- not executed: example -->\n"
    )
    monkeypatch.setattr(sources, "pages", lambda: {"page.md": tmp_path / "page.md"})
    page = content(client.get("/docs/page.html"))
    assert "Page &lt;b&gt;1&lt;/b&gt;" in page
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>" in page
    assert "10<sup>13</sup>" in page
    assert "javascript:" not in re.sub(r"<code>.*?</code>", "", page)
    assert "<span><code>b</code> (<code>manage.py</code>)</span>" in page
    assert "<em>Picture</em>" in page
    assert '<pre tabindex="0"><code class="language-sh">echo &lt;1&gt;\n</code></pre>\n</li>' in page
    assert "not executed" not in page


def test_sections_of_the_console_exist():
    for page, anchor in SECTIONS.values():
        assert anchor in pages.anchors(settings.BASE_DIR / "docs" / page), (page, anchor)


@pytest.mark.parametrize("role", ["admin", "operator", "helpdesk"])
def test_each_page_links_its_section(db, site, role):
    browser = sign_in_as(role)
    # The first request registers the pages.
    assert browser.get("/admin/").status_code == 200
    lists = [f"/admin/{model._meta.label_lower.replace('.', '/')}/" for model in admin.site._registry]
    links = set()
    for path in ["/admin/", "/admin/check-configuration/", "/admin/password_change/", *lists]:
        response = browser.get(path, follow=True)
        if response.status_code == 200:
            [link] = re.findall(r'class="console-page-document" href="([^"]+)"', response.content.decode())
            assert link.startswith("/docs/console"), path
            links.add(link)
    assert len(links) >= {"admin": 14, "operator": 14, "helpdesk": 4}[role]


def test_texts_link_the_documents_that_they_name(console, site, settings):
    settings.SMS_GATEWAY = "twilio"
    settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID = ""
    factories.TypeFactory(method="sms")
    page = console.post("/admin/check-configuration/").content.decode()
    assert 'another gateway (<a href="/docs/sms-gateways.html">docs/sms-gateways.md</a>).' in page


@pytest.mark.processes
@needs_browser
def test_help_opens_in_a_new_tab_and_keeps_the_form(admin_window):
    window = admin_window
    window.goto("/admin/transactions/mobileauthenticationtype/add/")
    window.locator("[name=name]").fill("login")
    with window.expect_popup() as opened:
        window.get_by_role("link", name="Documentation").click()
    expect(opened.value).to_have_url(
        re.compile(r"/docs/console/mobile-authentication\.html#mobile-authentication-types$")
    )
    expect(opened.value.locator("body")).to_contain_text("Mobile authentication types")
    expect(window.locator("[name=name]")).to_have_value("login")
