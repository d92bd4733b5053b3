"""Every text of the console goes through gettext: with each translation in brackets, nothing else is left on a page."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import translation

from tests.console.test_roles import PAGES, browser_of, rows  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
OPEN, CLOSE = "\u27e6", "\u27e7"
# Not texts: scripts, styles, pictures, what a form holds, and what is data or code.
NO_TEXT = {"script", "style", "svg", "textarea", "option", "pre", "code", "time", "title", "kbd"}
NO_END = {"input", "br", "img", "meta", "link", "hr", "path", "col", "source"}


class Words(HTMLParser):
    """Collects the texts of a page that people read."""

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


# Names and values of the rows behind the pages, and words that are the same everywhere.
DATA = re.compile(
    r"Countersign|anna|Anna|olga|rosa|tess|twilio|Shop|Portal|Phone|Sign in|Android|iOS|Cordova|FCM|APNs"
    r"|API|URL|PIN|SMS|OTP|ID|UTC|QR|HTTP|CSV|YAML|JSON|NL|EN|DE|FR"
    # Examples, and the places of a template.
    r"|You are logging into the XYZ portal|Mac|Chrome|Provincie|Utrecht|\[\w+\]"
    r"|English|Deutsch|français|Nederlands|https?://\S+|[\w.-]+@[\w.-]+"
    # Names with digits, dots, dashes or underscores; ids; events; a colour or a number.
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


def left_over(page):
    """Return what a page shows outside of brackets, as words."""
    words = Words()
    words.feed(page)
    shown = " ".join(words.texts)
    inner = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
    while inner.search(shown):
        shown = inner.sub(" ", shown)
    return re.findall(r"[^\W\d_]{3,}", DATA.sub(" ", shown))


def addresses(of_row):
    """Return the console's pages: those with an address of their own; of every kind of row its list and its forms."""
    for pattern in admin.site.get_urls():
        if getattr(pattern, "name", None) and "<" not in str(pattern.pattern) and "(" not in str(pattern.pattern):
            yield reverse(f"admin:{pattern.name}")
    for label in PAGES:
        base = f"/admin/{label.lower().replace('.', '/')}/"
        yield from (base, f"{base}add/", f"{base}{of_row[label].pk}/change/")


def test_no_page_has_a_text_outside_of_the_catalogues(rows, brackets):  # noqa: F811
    browser = browser_of("admin", "tess")
    found = {}
    for address in addresses(rows):
        answer = browser.get(address, follow=True)
        is_page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        if not is_page:
            continue
        page = answer.content.decode()
        if words := left_over(page):
            found[address] = words
    assert found == {}
