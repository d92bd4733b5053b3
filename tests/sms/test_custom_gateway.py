"""Custom gateway by its dotted path: the example of the documentation."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from tests.fakes.fake_server import FakeServer
from tests.sms.conftest import NUMBER, bodies

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = Path(django_settings.BASE_DIR, "docs/sms-gateways.md")
EXAMPLE = re.compile(r"<!-- executed by tests/sms/test_custom_gateway.py -->\n```python\n(.*?)```", re.DOTALL)


class Provider(FakeServer):
    """Fake of a provider that accepts JSON with an API key and returns status 201."""

    def key(self, path, headers, body):
        return NUMBER

    def rejection(self, path, headers, body):
        return None if headers["authorization"] == "Key of-ours" else {"status": 401}

    def default_response(self, key, path, headers, body):
        return {"status": 201, "body": "{}"}


@pytest.fixture
def provider(settings, tmp_path, monkeypatch):
    """Fake of the provider, with the example of the page as the configured gateway."""
    [example] = EXAMPLE.findall(PAGE.read_text())
    # Each test needs a new module name, because imported modules are cached.
    module = f"mygateway_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(example)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.SMS_GATEWAY = f"{module}.ExampleGateway"
    with Provider() as provider:
        monkeypatch.setenv("EXAMPLE_URL", provider.url + "/send")
        monkeypatch.setenv("EXAMPLE_KEY", "of-ours")
        yield provider


def test_example_has_at_most_30_lines():
    [example] = EXAMPLE.findall(PAGE.read_text())
    assert len(example.splitlines()) <= 30


def test_example_sends_a_message(sms_flow, sms_type, provider):
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["accepted"]
    assert bodies(provider) == [{"to": NUMBER, "from": "", "text": f"Your code: {sms_flow.code(transaction_id)}"}]


def test_example_tries_the_next_sender(sms_flow, sms_type, provider, change_general):
    change_general(sms_sender_id="Shop")
    provider.script[NUMBER] = [{"status": 422, "body": '{"code": "sender"}'}]
    assert sms_flow.attempts(sms_flow.send(sms_type)) == ["accepted"]
    assert [body["from"] for body in bodies(provider)] == ["Shop", ""]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ({"status": 503}, "retry"),
        ({"status": 429}, "retry"),
        ({"status": 422, "body": "number"}, "refused"),
        ({"status": 401}, "refused"),
        ({"reset": True}, "unknown"),
    ],
    ids=str,
)
def test_example_maps_responses_to_outcomes(sms_flow, sms_type, provider, response, outcome):
    provider.script[NUMBER] = [response]
    assert sms_flow.attempts(sms_flow.send(sms_type)) == [outcome]


def test_example_does_not_repeat_requests_on_reused_connections(sms_flow, sms_type, provider):
    sms_flow.send(sms_type)
    provider.script[NUMBER] = [{"reset": True}]
    assert sms_flow.attempts(sms_flow.send(sms_type)) == ["unknown"]
    assert len(provider.received) == 2


def test_example_retries_refused_connections(sms_flow, sms_type, provider, monkeypatch):
    monkeypatch.setenv("EXAMPLE_URL", "http://127.0.0.1:9/send")
    assert sms_flow.attempts(sms_flow.send(sms_type)) == ["retry"]


def test_error_in_the_gateway_sends_no_duplicate(sms_flow, sms_type, provider, monkeypatch, advance_clock):
    monkeypatch.delenv("EXAMPLE_KEY")
    transaction_id = sms_flow.start(sms_type)
    with pytest.raises(KeyError):
        sms_flow.work()
    assert sms_flow.work() == 0
    advance_clock(25)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["", "unknown"]
    assert sms_flow.result(transaction_id) == ("pending", None)
    assert provider.received == []
