"""The snippets of the API reference in Python and TypeScript work in their order, with the portal libraries.

They are on portal-api.md, available-types.md, start.md, result.md, sms.md, code-to-phone.md, resend-and-cancel.md,
callbacks.md, events-api.md and user-api.md.
"""

import contextlib
import io
import json
import os
import re
import subprocess
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from tests.clients.portal.site import CLIENT_ID, CLIENT_SECRET
from tests.clients.portal.typescript import PACKAGE, link
from tests.demo.running import ROOT

pytestmark = pytest.mark.processes

PAGES = ["portal-api", *(f"portal-api/{name}" for name in ("available-types", "start", "result", "sms"))]
PAGES += ["portal-api/code-to-phone", "portal-api/resend-and-cancel", "portal-api/callbacks", "events-api", "user-api"]
SNIPPET = re.compile(
    r"<!-- executed by tests/clients/portal/test_reference_snippets.py: (\w+) -->\n```(\w+)\n(.*?)```", re.DOTALL
)
PHONE_NUMBER = "+31612345678"
SIGNING_SECRET = "whsec_" + b64encode(b"signing secret of the reference").decode()
# Output of each snippet; a text between slashes is a pattern.
OUTPUT = {
    "device_types": "/login.*scan/",
    "user_types": "/login PUSH .*[0-9A-F]{64}/",
    "push": "/[0-9a-f-]{36} push .*android/",
    "otp": "/[A-Za-z0-9+=]{60}/",
    "fallback": "sms",
    "error": "400 1003 invalid_parameter The parameter callback_uri is missing.",
    "key": "/(?i:true) idempotency_key_reused/",
    "result": "pending",
    "wait": "/Sign in: reference-/",
    "wrong_code": "Failed to authenticate, verification code invalid",
    "code_start": "/(?i:true)/",
    "resend_limit": "The resend limit of this transaction is reached.",
    "callback": "/(?i:true) 204/",
    "events_page": "/^\\d{13} \\d+$/",
    "events": "/SMS_AUTH_AUTHENTICATED.*KEY_ENROLLMENT_SUCCESS/",
    "enrollment_code": "/countersign:/",
    "devices": "/[0-9A-F]{64} .*android (?i:true)/",
    "delete_all": "[]",
}


def snippets(language):
    """Return the snippets of a language by name, in the order of the pages."""
    found = [match for page in PAGES for match in SNIPPET.findall((ROOT / f"docs/{page}.md").read_text())]
    return {name: text for name, found_language, text in found if found_language == language}


def check(outputs):
    """Compare the output of the snippets."""
    assert set(OUTPUT) <= set(outputs)
    for name, output in outputs.items():
        expected, actual = OUTPUT.get(name, ""), " ".join(output.split())
        is_pattern = expected.startswith("/")
        assert re.search(expected.strip("/"), actual) if is_pattern else actual == expected, f"{name}: {actual}"


def environment(site, user_id, device_id):
    """Return the variables that the snippets read."""
    credentials = {"URL": site.url, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET}
    portal = {"PORTAL": "http://127.0.0.1:9", "SIGNING_SECRET": SIGNING_SECRET}
    return {**credentials, **portal, "EVA": user_id, "DEVICE": device_id}


def test_each_snippet_exists_in_both_languages():
    assert list(snippets("python")) == list(snippets("typescript"))


def test_snippets_in_python_work(portal_site, monkeypatch):
    phones = portal_site.phones
    device_id = phones.enroll("reference-python")
    sent = phones.sms_count(PHONE_NUMBER)
    for name, value in environment(portal_site, "reference-python", device_id).items():
        monkeypatch.setenv(name, value)

    def sign_callback(names):
        """Define the headers and the body of a callback."""
        body = json.dumps({"callback_uri": "", "transaction_id": names["otp"].transaction_id})
        now = datetime.now(UTC)
        names["headers"] = {
            "Authorization": "Basic " + b64encode(b"countersign:correct horse").decode(),
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SIGNING_SECRET).sign("msg_1", now, body),
        }
        names["body"] = body.encode()

    # What the user does before a snippet.
    before = {
        "wait": lambda names: phones.scan(device_id, names["otp"].qr_data),
        "correct_code": lambda names: names.update(sms_code=phones.sms_code(PHONE_NUMBER, sent + 1)),
        "code": lambda names: names.update(phone_code=phones.code(device_id, names["terminal"].transaction_id)),
        "callback": sign_callback,
    }
    names, outputs = {}, {}
    for name, code in snippets("python").items():
        before.get(name, lambda _names: None)(names)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(code, names)
        outputs[name] = output.getvalue()
    check(outputs)
    # The messages of this test do not arrive during another.
    phones.sms_code(PHONE_NUMBER, sent + 3)


# What the user does before a snippet.
BEFORE = {
    "setup": """
import { createHmac } from "node:crypto";

const phones = process.env.PHONES!;
const phone = async (action: string, values: object): Promise<unknown> =>
  (await fetch(`${phones}/${action}`, { method: "POST", body: JSON.stringify(values) })).json();
const sent = (await phone("sms_count", { phone_number: process.env.PHONE_NUMBER })) as number;
""",
    "wait": 'await phone("scan", { device_id: deviceId, otp: otp.qrData });',
    "correct_code": """
const arrived = { phone_number: process.env.PHONE_NUMBER, count: sent + 1 };
const smsCode = (await phone("sms_code", arrived)) as string;
""",
    "code": """
const shown = { device_id: deviceId, transaction_id: terminal.transactionId };
const phoneCode = (await phone("code", shown)) as string;
""",
    "callback": """
const body = JSON.stringify({ callback_uri: "", transaction_id: otp.transactionId });
const timestamp = String(Math.floor(Date.now() / 1000));
const key = Buffer.from(process.env.SIGNING_SECRET!.slice(6), "base64");
const headers = {
  authorization: `Basic ${btoa("countersign:correct horse")}`,
  "webhook-id": "msg_1",
  "webhook-timestamp": timestamp,
  "webhook-signature": `v1,${createHmac("sha256", key).update(`msg_1.${timestamp}.${body}`).digest("base64")}`,
};
""",
}
AFTER = 'await phone("sms_code", { phone_number: process.env.PHONE_NUMBER, count: sent + 3 });'


def test_snippets_in_typescript_match_the_types_and_work(typescript_library, portal_site, tmp_path):
    link(tmp_path)
    parts = []
    for name, code in snippets("typescript").items():
        parts += [BEFORE.get(name, ""), f'console.log("### {name}");', code]
    (tmp_path / "app.mts").write_text("\n".join([*parts, AFTER]))
    options = json.loads((PACKAGE.path / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"typeRoots": [str(PACKAGE.path / "node_modules" / "@types")], "paths": {}}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["app.mts"]}))
    tsc = ("node_modules/typescript/bin/tsc", "--project", str(tmp_path / "tsconfig.json"))
    assert PACKAGE.run(*tsc, capture_output=True).stdout == ""

    device_id = portal_site.phones.enroll("reference-typescript")
    variables = environment(portal_site, "reference-typescript", device_id)
    ended = subprocess.run(
        [PACKAGE.node, "--no-warnings", "app.mts"],
        cwd=tmp_path,
        env={**os.environ, **variables, "PHONES": portal_site.phones_url, "PHONE_NUMBER": PHONE_NUMBER},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    check(dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", ended.stdout, re.DOTALL | re.MULTILINE)))
