"""The snippets of README.md and the examples of the portal library in Python work unchanged."""

import functools
import os
import re
import sys
import threading

import httpx
import pytest
from countersign.testing import FakeServer

from tests import coroutines
from tests.clients.portal.portals import Portal, sign_in
from tests.clients.portal.site import phone_number
from tests.demo.running import ROOT

pytestmark = pytest.mark.processes

PACKAGE = ROOT / "clients" / "portal-python"
MARK = "<!-- executed by tests/clients/portal/test_python_documents.py -->"


@pytest.fixture(scope="module")
def readme(portal_site):
    """Execute all snippets in order, and return their names."""
    names = {"__name__": "readme"}
    blocks = re.findall(rf"{MARK}\n```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 7
    with pytest.MonkeyPatch.context() as environment:
        for name, value in portal_site.environment().items():
            environment.setenv(name, value)
        environment.setenv("COUNTERSIGN_CALLBACK_URL", "http://127.0.0.1:9/callback")
        for block in blocks:
            exec(block, names)
    return names


def test_snippets_sign_in_with_push_sms_and_qr_code(readme, portal_site):
    phones = portal_site.phones
    device_id = phones.enroll("readme")
    approval = threading.Thread(target=phones.approve_next, args=[device_id])
    approval.start()
    assert readme["sign_in"]("readme")
    approval.join()

    number = phone_number()
    transaction_id = readme["send_code"]("readme", number)
    readme["resend_code"]("readme", transaction_id)
    assert readme["check_code"]("readme", transaction_id, "wrong") == "Wrong code. Try again."
    assert readme["check_code"]("readme", transaction_id, phones.sms_code(number)) == "signed in"
    assert readme["check_code"]("readme", transaction_id, "000000") == "Start again."

    transaction_id, content = readme["show_qr_code"]()
    phones.scan(device_id, content)
    assert readme["portal"].result(transaction_id).user_id == "readme"


def test_snippets_of_frameworks_handle_callbacks(readme, monkeypatch, rf):
    server = FakeServer({"login": "push"})
    device_id = server.add_device("anna")
    start = functools.partial(server.client().start_push, "login", user_id="anna", callback_uri="http://portal/")
    requests = [server.approve(start(device_id=device_id).transaction_id) for _number in range(3)]
    verifier = readme["CallbackVerifier"](signing_secrets=[server.signing_secret])
    for name, client in (("callbacks", server.client()), ("async_callbacks", server.async_client())):
        monkeypatch.setattr(readme[name], "_verifier", verifier)
        monkeypatch.setattr(readme[name], "_client", client)

    headers = {name: value for name, value in requests[0].headers.items() if name != "content-type"}
    django = rf.post("/", requests[0].body, content_type="application/json", headers=headers)
    assert readme["django_callback"](django).status_code == 204
    flask = readme["flask_app"].test_client()
    url = "/countersign/callback"
    assert flask.post(url, data=requests[1].body, headers=requests[1].headers).status_code == 204

    async def call_fastapi():
        transport = httpx.ASGITransport(app=readme["fastapi_app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
            return await client.post(url, content=requests[2].body, headers=requests[2].headers)

    assert coroutines.run(call_fastapi()).status_code == 204
    assert len(readme["results"]) == 3


def test_snippets_of_tests_succeed(readme):
    tests = [name for name in readme if name.startswith("test_")]
    assert len(tests) == 3
    for name in tests:
        readme[name]()


@pytest.mark.parametrize("name", ["django", "fastapi"])
def test_example_signs_in_by_a_callback(portal_site, name):
    command = [sys.executable, str(PACKAGE / "examples" / f"{name}_portal.py")]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "DJANGO_SETTINGS_MODULE": ""}
    with Portal(command, name, portal_site, environment) as portal:
        sign_in(portal, portal_site.phones, f"example-{name}")
