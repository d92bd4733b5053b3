"""The snippets of README.md and the example of the portal library in TypeScript work unchanged."""

import json
import os
import re
import subprocess

import pytest

from tests.clients.portal.portals import Portal, sign_in
from tests.clients.portal.site import phone_number
from tests.clients.portal.typescript import PACKAGE, link

pytestmark = pytest.mark.processes

MARK = "<!-- executed by tests/clients/portal/test_typescript_documents.py -->"
# What a user does at the server, after the snippets.
SIGN_IN = """
const site = JSON.parse(process.env.COUNTERSIGN_TEST_SITE!) as { phones: string; phoneNumber: string };
const phone = async (action: string, values: object): Promise<string> =>
  (await fetch(`${site.phones}/${action}`, { method: "POST", body: JSON.stringify(values) })).json() as Promise<string>;

test("snippets sign in", async () => {
  const deviceId = await phone("enroll", { user_id: "readme-ts" });
  const approval = phone("approve_next", { device_id: deviceId });
  assert.equal(await signIn("readme-ts"), true);
  await approval;

  const transactionId = await sendCode("readme-ts", site.phoneNumber);
  assert.equal(await checkCode("readme-ts", transactionId, "wrong"), "Wrong code. Try again.");
  const code = await phone("sms_code", { phone_number: site.phoneNumber });
  assert.equal(await checkCode("readme-ts", transactionId, code), "signed in");
  assert.equal(await checkCode("readme-ts", transactionId, code), "Start again.");

  const shown = await showQrCode();
  await phone("scan", { device_id: deviceId, otp: shown.content });
  assert.equal((await portal.result(shown.transactionId)).userId, "readme-ts");
});

test("snippets of frameworks reject unsigned callbacks", async () => {
  const listening = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => listening.once("listening", resolve));
  const { port } = listening.address() as { port: number };
  const options = { method: "POST", body: "{}" };
  assert.equal((await fetch(`http://127.0.0.1:${port}/countersign/callback`, options)).status, 401);
  assert.equal((await POST(new Request("http://portal/", options))).status, 401);
  assert.equal(signedIn.size, 0);
  listening.close();
});
"""


@pytest.fixture
def app(typescript_library, tmp_path):
    """Return a module with all snippets and what a user does."""
    link(tmp_path)
    blocks = re.findall(rf"{MARK}\n```ts\n(.*?)```", (PACKAGE.path / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    (tmp_path / "app.mts").write_text("\n".join([*blocks, SIGN_IN]))
    return tmp_path / "app.mts"


def test_snippets_match_the_types_and_sign_in(app, portal_site, site_json):
    options = json.loads((PACKAGE.path / "tsconfig.json").read_text())["compilerOptions"]
    options |= {"typeRoots": [str(PACKAGE.path / "node_modules" / "@types")], "noUnusedLocals": False, "paths": {}}
    (app.parent / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": [app.name]}))
    tsc = ("node_modules/typescript/bin/tsc", "--project", str(app.parent / "tsconfig.json"))
    assert PACKAGE.run(*tsc, capture_output=True).stdout == ""

    environment = {
        **os.environ,
        **portal_site.environment(),
        "COUNTERSIGN_CALLBACK_URL": "http://127.0.0.1:9/callback",
        "COUNTERSIGN_TEST_SITE": json.dumps({**site_json, "phoneNumber": phone_number()}),
    }
    command = (PACKAGE.node, "--no-warnings", "--test-reporter=tap", str(app))
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    assert "# pass 5" in ended.stdout


def test_example_signs_in_by_a_callback(typescript_library, portal_site):
    command = [PACKAGE.node, "--no-warnings", str(PACKAGE.path / "examples" / "express-portal.ts")]
    with Portal(command, "express", portal_site, os.environ) as portal:
        sign_in(portal, portal_site.phones, "example-express")
