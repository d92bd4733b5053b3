"""Files of the web phone: size, no inline code, icons of the manifest."""

import gzip
import json
import re
import struct

import pytest

from scripts.node import CLIENTS

PHONE = CLIENTS / "web-phone"
DIST = PHONE / "dist"
MAX_BYTES = 120 * 1024
# More delays the first screen on a slow phone: 10 KiB are 50 ms at 1.6 Mbit/s.
MAX_START_BYTES = 48 * 1024
SCRIPTS = ("app.js", "qr.js", "sw.js")
# Functions that parse HTML or run texts. The policy of the page would stop them, in browsers with Trusted Types.
SINKS = re.compile(r"\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(|\.srcdoc")


def test_compressed_code_is_small():
    sizes = {name: len(gzip.compress((DIST / name).read_bytes())) for name in SCRIPTS}
    assert {path.name for path in DIST.glob("*.js")} == set(SCRIPTS)
    assert min(sizes.values()) > 10_000
    assert sum(sizes.values()) < MAX_BYTES, sizes
    assert sizes["app.js"] < MAX_START_BYTES, sizes


@pytest.mark.parametrize("name", SCRIPTS)
def test_code_neither_parses_html_nor_runs_texts(name):
    assert SINKS.findall((DIST / name).read_text()) == []


@pytest.mark.parametrize("name", ["index.html", "offline.html"])
def test_pages_have_no_inline_code_and_no_foreign_file(name):
    page = (DIST / name).read_text()
    assert "<style" not in page
    assert not re.search(r"\s(?:style|on\w+)=", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    for path in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert path in ("./", "config.json") or (DIST / path).is_file(), path


def test_icons_of_the_manifest_have_their_sizes():
    manifest = json.loads((DIST / "manifest.webmanifest").read_text())
    purposes = set()
    for icon in manifest["icons"]:
        content = (DIST / icon["src"]).read_bytes()
        purposes.add(icon["purpose"])
        if icon["src"].endswith(".png"):
            width, height = struct.unpack("!II", content[16:24])
            assert icon["sizes"] == f"{width}x{height}"
    assert purposes == {"any", "maskable"}
    assert manifest["display"] == "standalone"


def test_catalogues_have_different_texts_with_the_same_placeholders():
    def read(language):
        source = (PHONE / "src" / "messages" / f"{language}.ts").read_text()
        return dict(re.findall(r'^  (\w+):\s+"(.*)",$', source, re.MULTILINE))

    english = read("en")
    assert len(english) > 100
    for language in ("nl", "de", "fr"):
        texts = read(language)
        assert texts.keys() == english.keys()
        for key, text in english.items():
            assert set(re.findall(r"{\w+}", texts[key])) == set(re.findall(r"{\w+}", text)), (language, key)
        # Some words are equal, for example PIN and Server.
        assert len([key for key in english if texts[key] == english[key]]) < 8
