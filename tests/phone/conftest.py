"""Fixtures of the web phone: one server and one browser for all tests."""

import pytest

from tests.browsers import CHROMIUM
from tests.fakes.web_push import WebPushService
from tests.phone.browser import phone_window
from tests.phone.camera import show_qr_code
from tests.phone.site import running_site


@pytest.fixture(scope="session")
def push_service():
    with WebPushService() as service:
        yield service


@pytest.fixture(scope="session")
def phone_site(push_service, tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("phone"), push_service) as site:
        yield site


@pytest.fixture(scope="session")
def camera(tmp_path_factory):
    """Return the video of the browser's camera, which is opened each time when the camera is turned on."""
    path = tmp_path_factory.mktemp("camera") / "video.y4m"
    show_qr_code(path, "nothing")
    return path


@pytest.fixture(scope="session")
def phone_chromium(playwright, camera):
    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def phone(phone_chromium, phone_site):
    with phone_window(phone_chromium, phone_site) as window:
        yield window
