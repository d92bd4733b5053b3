"""The commands of the API reference work without changes, and return the documented responses."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from scripts import node
from tests.demo.running import ROOT, Run
from tests.flows import reference
from tests.flows.reference import PORTAL, Placeholders

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.environ["TEST_BACKEND"] == "postgres", reason="the demo uses SQLite in any case"),
]

# In the order of execution: portal-api.md, available-types.md, start.md, result.md, ...
PAGES = [
    "docs/portal-api.md",
    "docs/portal-api/available-types.md",
    "docs/portal-api/start.md",
    "docs/portal-api/result.md",
    "docs/portal-api/sms.md",
    "docs/portal-api/code-to-phone.md",
    "docs/portal-api/resend-and-cancel.md",
    "docs/portal-api/callbacks.md",
    "docs/events-api.md",
    "docs/ciba.md",
    "docs/user-api.md",
]
CALLBACKS = "docs/portal-api/callbacks.md"
HEADERS = ["host", "content-type", "accept", "authorization", "webhook-id", "webhook-timestamp", "webhook-signature"]
DOCUMENTED_SECRET = "whsec_Y291bnRlcnNpZ24gZG9jdW1lbnRhdGlvbiBrZXk="


class Portal(ThreadingHTTPServer):
    """Portal that records callbacks: pairs of headers and body."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), PortalHandler)
        self.callbacks, self.received = [], threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def signed_callback(self):
        """Wait for the callback with a signature, and return its headers and body."""
        with self.received:
            found = self.received.wait_for(
                lambda: [pair for pair in self.callbacks if "webhook-signature" in pair[0]], timeout=20
            )
        return found[0]


class PortalHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        with self.server.received:
            self.server.callbacks.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.server.received.notify_all()

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Run the commands of all pages. Return the responses, placeholders, the signed callback and its secret."""
    directory, run, portal = tmp_path_factory.mktemp("reference"), None, Portal()
    try:
        run = Run(directory)
        run.wait_until_ready()
        responses = reference.execute(PAGES, run, directory, portal.url)
        callback = portal.signed_callback()
    finally:
        if run:
            run.kill()
        portal.shutdown()
        portal.server_close()
    return responses, Placeholders(run, portal.url), callback, (directory / "secret").read_text()


def test_documented_responses_are_those_of_the_server(session):
    responses, placeholders, callback, _secret = session
    differences = []
    for page in PAGES:
        expected, response = [], None
        for block in reference.BLOCK.finditer((ROOT / page).read_text()):
            if block[1] == "executed":
                response = responses[page, block.start()]
            elif block[1].startswith("callback"):
                expected.append(documented_callback(callback, placeholders))
            else:
                expected.append(placeholders.response(*response))
        differences += reference.differences(page, expected)
    assert not differences, "UPDATE_EXAMPLES=1 updates the pages"


def documented_callback(callback, placeholders):
    """Return the documented form of a callback. Its signature is that of the documented body."""
    headers, body = callback
    document = json.dumps(placeholders.replaced(json.loads(body)))
    webhook_id, timestamp = placeholders.replaced(headers["webhook-id"]), reference.MILLISECONDS // 1000
    documented = {
        **headers,
        "host": PORTAL.removeprefix("https://"),
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": Webhook(DOCUMENTED_SECRET).sign(
            webhook_id, datetime.fromtimestamp(timestamp, UTC), document
        ),
    }
    lines = [f"{name.title() if 'webhook' not in name else name}: {documented[name]}" for name in HEADERS]
    return "\n".join(["POST /callback HTTP/1.1", *lines, "", document]) + "\n"


def snippets():
    """Return the code that verifies a signature, by language."""
    marked = r"<!-- executed by tests/flows/test_api_reference.py: snippet -->\n```(\w+)\n(.*?)```"
    return dict(re.findall(marked, (ROOT / CALLBACKS).read_text(), re.DOTALL))


def test_documented_snippets_verify_the_signature_of_a_callback(session, tmp_path):
    _responses, _placeholders, (headers, body), secret = session
    interpreters = {
        "sh": ["bash", "-euo", "pipefail", "-c"],
        "python": [sys.executable, "-c"],
        "javascript": [node.of_the_package()[0], "-e"],
    }
    names = ("id", "timestamp", "signature")
    variables = {f"WEBHOOK_{name.upper()}": headers[f"webhook-{name}"] for name in names} | {"SIGNING_SECRET": secret}
    assert set(snippets()) == set(interpreters)
    for language, code in snippets().items():

        def verify(content, language=language, code=code, **changed):
            (tmp_path / "callback.json").write_bytes(content)
            return subprocess.run(
                [*interpreters[language], code],
                env={**os.environ, **variables, **changed},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )

        assert verify(body).stdout == "valid\n", language
        assert verify(body.replace(b"callback", b"other")).returncode != 0, language
        assert verify(body, WEBHOOK_TIMESTAMP=str(int(time.time()) - 600)).returncode != 0, language
