"""Files of the web phone: content, headers, caching, and paths that are not served."""

import gzip
import os

import pytest

from tests.web_phone.conftest import FILES

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": (
        "camera=(self), publickey-credentials-create=(self), publickey-credentials-get=(self), accelerometer=(), "
        "display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), "
        "payment=(), serial=(), usb=()"
    ),
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self' https://auth.example.com; manifest-src 'self'; worker-src 'self'; font-src 'self'; "
        "media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types countersign"
    ),
}
COOKIES = {"sessionid": "x" * 32, "csrftoken": "y" * 32, "django_language": "nl"}


@pytest.fixture(autouse=True)
def public_url(settings):
    settings.PUBLIC_URL = "https://auth.example.com/below"


def headers(response):
    return {name: response.headers.get(name) for name in HEADERS}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("sw.js", "text/javascript; charset=utf-8"),
        ("app.css", "text/css; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("icons/192.png", "image/png"),
    ],
)
def test_file_has_its_content_type_and_all_headers(client, bundle, path, content_type):
    response = client.get(f"/phone/{path}")
    assert (response.status_code, response["Content-Type"]) == (200, content_type)
    assert response.content.decode() == FILES[path or "index.html"]
    assert headers(response) == HEADERS
    assert response["Cache-Control"] == "no-cache"
    assert response.headers.keys() <= {
        *HEADERS, "Cache-Control", "Content-Length", "Content-Type", "ETag", "Vary", "X-Request-Id",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["", "app.js", "config.json", "nothing", "../manage.py"])
def test_response_neither_reads_nor_sets_cookies(client, db, bundle, path, django_assert_max_num_queries):
    client.cookies.load(COOKIES)
    # Only the configuration is read from the database: no session.
    with django_assert_max_num_queries(1 if path == "config.json" else 0):
        response = client.get(f"/phone/{path}", headers={"Accept-Language": "nl"})
    assert not response.cookies
    assert "Content-Language" not in response
    assert set(response.get("Vary", "").split(", ")) <= {"", "Accept-Encoding"}
    assert headers(response) == HEADERS


@pytest.mark.parametrize("compressed", [True, False])
def test_unchanged_file_is_not_sent_again(client, bundle, compressed):
    accepted = {"Accept-Encoding": "br, gzip"} if compressed else {}
    first = client.get("/phone/app.js", headers=accepted)
    second = client.get("/phone/app.js", headers={**accepted, "If-None-Match": first["ETag"]})
    assert (second.status_code, second.content, second["ETag"]) == (304, b"", first["ETag"])
    assert headers(second) == HEADERS
    assert second["Cache-Control"] == "no-cache"
    (bundle / "app.js").write_text("changed")
    os.utime(bundle / "app.js", ns=(1, 1))
    changed = client.get("/phone/app.js", headers={**accepted, "If-None-Match": first["ETag"]})
    assert (changed.status_code, changed.content) == (200, b"changed")


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br, gzip;q=0.5", True),
        ("gzip;q=0, br", False),
        ("gzip; q=0.0", False),
        ("identity", False),
    ],
)
def test_large_text_is_compressed_for_browsers_that_accept_it(client, bundle, accepted, is_compressed):
    response = client.get("/phone/app.js", headers={"Accept-Encoding": accepted})
    assert response.get("Content-Encoding") == ("gzip" if is_compressed else None)
    content = gzip.decompress(response.content) if is_compressed else response.content
    assert content.decode() == FILES["app.js"]
    assert response["Vary"] == "Accept-Encoding"
    # A cache between browser and server must not mix the two.
    assert response["ETag"].endswith('-gzip"') == is_compressed


def test_small_and_binary_files_are_not_compressed(client, bundle):
    for name in ("sw.js", "icons/192.png"):
        assert "Content-Encoding" not in client.get(f"/phone/{name}", headers={"Accept-Encoding": "gzip"})


def test_head_has_no_content(client, bundle):
    response = client.head("/phone/app.js")
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(len(FILES["app.js"]))


@pytest.mark.parametrize(
    "path",
    ["nothing", ".built", "../manage.py", "%2e%2e/manage.py", "icons", "icons/", "icons/../app.js", "app.js/", "a\0b"],
)
def test_other_path_is_not_found(client, bundle, path):
    (bundle.parent / "manage.py").write_text("secret")
    response = client.get(f"/phone/{path}")
    assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert headers(response) == HEADERS
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["", "app.js", "config.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_not_allowed(client, bundle, path, method):
    response = client.generic(method, f"/phone/{path}")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert headers(response) == HEADERS


def test_path_without_a_slash_is_redirected(client, bundle):
    response = client.get("/phone")
    assert (response.status_code, response["Location"]) == (302, "/phone/")
    # Another path, although it begins with the same letters.
    assert client.get("/phones").status_code == 404


@pytest.mark.parametrize("path", ["", "app.js"])
def test_missing_build_is_explained(client, settings, tmp_path, path):
    settings.PHONE_DIR = tmp_path / "dist"
    response = client.get(f"/phone/{path}")
    assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert b"scripts/build-phone.sh" in response.content
    assert headers(response) == HEADERS


@pytest.mark.parametrize("path", ["", "config.json", "nothing"])
def test_unknown_host_is_rejected(client, db, bundle, path):
    assert client.get(f"/phone/{path}", headers={"Host": "attacker.example.com"}).status_code == 400
