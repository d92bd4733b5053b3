"""The function of docs/migrating.md that finds the server of a push runs with the device library."""

import re

from scripts.typescript import PACKAGE
from tests.demo.running import ROOT

MARK = "<!-- executed by tests/clients/typescript/test_migrating_document.py -->"
USE = """
import assert from "node:assert/strict";

const members = { og_transaction_id: "1a5c6d6e-0000-4000-8000-000000000000", og_profile_id: "A1B2C3" };
const profileIds = new Set(["A1B2C3"]);
for (const payload of [{ aps: { alert: "Sign in?" }, ...members }, { data: { content: JSON.stringify(members) } }]) {
  assert.equal(serverOf(payload, profileIds), "countersign");
  assert.equal(serverOf(payload, new Set(["Z9Y8X7"])), "token server");
}
assert.equal(serverOf({ aps: { alert: "News" } }, profileIds), undefined);
"""


def test_server_of_a_push_is_found_by_its_profile(library, tmp_path):
    [block] = re.findall(rf"{MARK}\n```ts\n(.*?)```", (ROOT / "docs" / "migrating.md").read_text(), re.DOTALL)
    script = tmp_path / "push.ts"
    script.write_text(block.replace('"@countersign/device"', f'"{PACKAGE}/src/index.ts"') + USE)
    ended = library.run(str(script), capture_output=True)
    assert ended.returncode == 0, ended.stderr
