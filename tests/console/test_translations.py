"""Translation of all texts: with brackets around every translation, no page has other text."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import translation

from tests.console.test_roles import PAGES, rows, sign_in_as  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
OPEN, CLOSE = "\u27e6", "\u27e7"
# Elements without texts: scripts, styles, images, form values, data and code.
NO_TEXT = {"script", "style", "svg", "textarea", "option", "pre", "code", "time", "title", "kbd"}
NO_END = {"input", "br", "img", "meta", "link", "hr", "path", "col", "source"}


class VisibleText(HTMLParser):
    """Parser that collects the visible texts of a page."""

    def __init__(self):
        super().__init__()
        self.texts, self._hidden = [], []

    def handle_starttag(self, tag, attributes):
        if tag in NO_END:
            return
        classes = dict(attributes).get("class") or ""
        hidden = tag in NO_TEXT or "material-symbols" in classes or "console-json" in classes
        self._hidden.append(hidden or bool(self._hidden and self._hidden[-1]))

    def handle_endtag(self, tag):
        if tag not in NO_END and self._hidden:
            self._hidden.pop()

    def handle_data(self, text):
        if not (self._hidden and self._hidden[-1]):
            self.texts.append(text)


# Names and values of the test's rows, and words that are equal in all languages.
DATA = re.compile(
    r"Countersign|anna|Anna|olga|rosa|tess|twilio|Shop|Portal|Phone|Sign in|Android|iOS|Cordova|FCM|APNs"
    r"|JOSE|OpenID Connect CIBA|API|URL|PIN|SMS|OTP|ID|UTC|QR|HTTP|CSV|YAML|JSON|NL|EN|DE|FR"
    # Examples and placeholders.
    r"|You are logging into the XYZ portal|Mac|Chrome|Provincie|Utrecht|\[\w+\]"
    r"|English|Deutsch|Français|Nederlands|https?://\S+|[\w.-]+@[\w.-]+"
    # Names with digits, dots, dashes or underscores; ids; event types; colours and numbers.
    r"|\b[\w-]*[\d_][\w.-]*\b|\b[\w]+([.-][\w]+)+\b|[A-Z]{2,}( [A-Z]+)+|[A-F0-9]{6,}|\b[A-Z0-9]{6}\b"
)


@pytest.fixture
def brackets(monkeypatch):
    """Put every translated text into brackets."""

    def wrapped(name):
        original = getattr(translation.trans_real, name)
        return lambda *arguments: f"{OPEN}{original(*arguments)}{CLOSE}"

    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        monkeypatch.setattr(translation._trans, name, wrapped(name))


def untranslated_text(page):
    """Return the words of a page outside of brackets."""
    visible_text = VisibleText()
    visible_text.feed(page)
    text_content = " ".join(visible_text.texts)
    inner = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
    while inner.search(text_content):
        text_content = inner.sub(" ", text_content)
    return re.findall(r"[^\W\d_]{3,}", DATA.sub(" ", text_content))


def addresses(of_row):
    """Return the paths of the console's pages, including the list and forms of every model."""
    for pattern in admin.site.get_urls():
        if getattr(pattern, "name", None) and "<" not in str(pattern.pattern) and "(" not in str(pattern.pattern):
            yield reverse(f"admin:{pattern.name}")
    for label in PAGES:
        base = f"/admin/{label.lower().replace('.', '/')}/"
        yield from (base, f"{base}add/", f"{base}{of_row[label].pk}/change/")


def test_all_visible_text_is_translated(rows, brackets):  # noqa: F811
    browser = sign_in_as("admin", "tess")
    found = {}
    for address in addresses(rows):
        response = browser.get(address, follow=True)
        is_page = response.status_code == 200 and response.headers["Content-Type"].startswith("text/html")
        if not is_page:
            continue
        page = response.content.decode()
        if visible_text := untranslated_text(page):
            found[address] = visible_text
    assert found == {}
