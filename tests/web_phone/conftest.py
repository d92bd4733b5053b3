import pytest

from tests.console.conftest import demo, window  # noqa: F401 - fixtures

FILES = {
    "index.html": "<!doctype html><title>Phone</title><script src='app.js'></script>" + "<p>text</p>" * 50,
    "app.js": "console.log('phone');\n" * 100,
    "sw.js": "// worker",
    "app.css": "body { margin: 0; }\n" * 50,
    "manifest.webmanifest": '{"name": "Countersign"}',
    "icons/192.png": "\x89PNG",
    ".built": "stamp",
}


@pytest.fixture
def bundle(settings, tmp_path):
    """Return the directory of a small bundle, which the server uses."""
    settings.PHONE_DIR = tmp_path / "dist"
    for name, content in FILES.items():
        path = settings.PHONE_DIR / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return settings.PHONE_DIR


@pytest.fixture
def own_origin(settings):
    """Serve the web phone from an origin of its own."""
    settings.PUBLIC_URL, settings.PHONE_URL = "https://auth.example.com", "https://phone.example.com"
    settings.ALLOWED_HOSTS = ["auth.example.com", "phone.example.com", "testserver"]
    return "phone.example.com"
