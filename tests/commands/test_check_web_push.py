"""`check_configuration` tests a Web Push configuration: its key pair, and the hosts of push services."""

import pytest

from apps.push.models import PushMessagingConfiguration
from apps.push.providers.web_push import vapid
from tests.commands.test_check_configuration import last_finding, run_check
from tests.fakes.web_push import WebPushService

pytestmark = pytest.mark.django_db


@pytest.fixture
def browsers(settings):
    """Run a fake push service, and allow its host with the port of the service."""
    with WebPushService() as service:
        settings.WEB_PUSH_HOSTS = [service.origin.removeprefix("https://"), "*.example.com"]
        settings.WEB_PUSH_CA_FILE = service.ca_file
        yield service


def with_key_pair(**fields):
    configuration = PushMessagingConfiguration(name="browser", platform="web", contact="mailto:a@example.com")
    vapid.assign_new_key_pair(configuration)
    for name, value in fields.items():
        setattr(configuration, name, value)
    configuration.save()


def test_web_push_connects_to_the_listed_hosts_without_a_message(browsers):
    with_key_pair()
    host = browsers.origin.removeprefix("https://")
    findings = [("ok", "The VAPID key pair is valid."), ("ok", f"{host} is reachable.")]
    assert run_check() == (findings, 0)
    assert browsers.received == []


def test_unavailable_push_service_is_a_warning(settings):
    with_key_pair()
    settings.WEB_PUSH_HOSTS = ["localhost:9"]
    level, text, remedy, code = last_finding()
    assert (level, code) == ("warning", 0)
    assert text.startswith("localhost:9 is not reachable")
    assert "does not accept connections" in remedy


def test_public_key_of_another_private_key_is_an_error(settings):
    with_key_pair(vapid_public_key=vapid.public_key(vapid.generate_private_key()))
    level, text, remedy, code = last_finding()
    assert (level, code) == ("error", 1)
    assert text == "The VAPID public key does not belong to the private key."
    assert "new key pair" in remedy
