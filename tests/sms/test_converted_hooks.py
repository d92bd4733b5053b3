"""The conversions of an SMS gateway hook in docs/migrating.md send messages and map the responses of the provider."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.conf import settings as django_settings

from tests.fakes.fake_server import FakeServer
from tests.flows.waiting import wait_until
from tests.ports import free_port
from tests.sms.conftest import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(django_settings.BASE_DIR, "docs/migrating.md")
EXAMPLE = re.compile(r"<!-- executed by tests/sms/test_converted_hooks.py -->\n```python\n(.*?)```", re.DOTALL)
CREDENTIALS = ("countersign", "password-of-the-gateway")


class Provider(FakeServer):
    """Fake of the provider of the hook: it accepts a form with an API key and returns status 202."""

    def key(self, path, headers, body):
        return NUMBER

    def rejection(self, path, headers, body):
        return None if headers["x-api-key"] == "key-of-the-provider" else {"status": 401}

    def default_response(self, key, path, headers, body):
        return {"status": 202, "body": "{}"}


@pytest.fixture
def provider(monkeypatch):
    with Provider() as provider:
        monkeypatch.setenv("PROVIDER_URL", f"{provider.url}/send")
        monkeypatch.setenv("PROVIDER_KEY", "key-of-the-provider")
        monkeypatch.setenv("PROVIDER_SENDER", "Default")
        yield provider


@pytest.fixture
def python_class(settings, tmp_path, monkeypatch, provider):
    """Configure the class of the page as the gateway."""
    module = f"converted_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(EXAMPLE.findall(PAGE.read_text())[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.SMS_GATEWAY = f"{module}.ConvertedGateway"


@pytest.fixture
def rest_service(settings, tmp_path, provider):
    """Run the service of the page, and configure it as the REST gateway."""
    (tmp_path / "service.py").write_text(EXAMPLE.findall(PAGE.read_text())[1])
    port = free_port()
    settings.SMS_GATEWAY, settings.SMS_GATEWAY_REST_URL = "rest", f"http://127.0.0.1:{port}/"
    settings.SMS_GATEWAY_REST_USERNAME, settings.SMS_GATEWAY_REST_PASSWORD = CREDENTIALS
    service = subprocess.Popen(
        [sys.executable, tmp_path / "service.py", str(port)],
        env={**os.environ, "GATEWAY_CREDENTIALS": ":".join(CREDENTIALS)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: is_listening(port))
    yield service
    service.kill()
    service.wait()


def is_listening(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def forms(provider):
    return [{name: value for name, [value] in parse_qs(call["body"]).items()} for call in provider.received]


@pytest.mark.parametrize("conversion", ["python_class", "rest_service"])
def test_converted_hook_sends_messages_and_maps_errors(
    request, sms_flow, sms_type, provider, conversion, change_general
):
    request.getfixturevalue(conversion)
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["accepted"]
    change_general(sms_sender_id="Shop")
    sms_flow.send(sms_type)
    text = f"Your code: {sms_flow.code(transaction_id)}"
    assert forms(provider)[0] == {"to": NUMBER, "text": text, "from": "Default"}
    assert forms(provider)[1]["from"] == "Shop"
    for response, outcome in (({"status": 400}, "refused"), ({"status": 503}, "retry"), ({"reset": True}, "unknown")):
        provider.script[NUMBER] = [response]
        assert sms_flow.attempts(sms_flow.send(sms_type)) == [outcome]


def test_rest_service_rejects_wrong_credentials(sms_flow, sms_type, provider, rest_service, settings):
    settings.SMS_GATEWAY_REST_PASSWORD = "wrong"
    assert sms_flow.attempts(sms_flow.send(sms_type)) == ["refused"]
    assert provider.received == []
