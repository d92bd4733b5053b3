"""The minimal app of docs/mobile/typescript.md runs against a server, and the blocks of other pages match the types."""

import json
import os
import re
import subprocess

import pytest
from django.conf import settings

from scripts.typescript import NODE, PACKAGE
from tests.clients.typescript import mobile_packages

DOCS = settings.BASE_DIR / "docs" / "mobile"
TEST = "tests/clients/typescript/test_mobile_documents.py"
CHECKED = re.compile(rf"<!-- type-checked by {re.escape(TEST)} -->\n```ts\n(.*?)```", re.DOTALL)
STEP = re.compile(rf"<!-- executed by {re.escape(TEST)}: (\w+) -->\n```ts\n(.*?)```", re.DOTALL)
SERVER = "https://auth.example.com"

# Functions of the app, and a portal.
APP = """
import assert from "node:assert/strict";

const site = JSON.parse(process.env.COUNTERSIGN_TEST_SERVER!) as Record<string, string>;
const shown: string[] = [];
const show = (text: unknown): void => void shown.push(String(text));
const pins = ["12345", "54321", "12345", "12345"];
const askPin = (_text: string): Promise<string> => Promise.resolve(pins.shift()!);
const askApproval = (_text: string): Promise<boolean> => Promise.resolve(true);
let portalNumber = "";
const askNumber = (_text: string): Promise<string> => Promise.resolve(portalNumber);

async function portal(path: string, fields?: Record<string, string>): Promise<Record<string, string>> {
  const response = await fetch(`${site.server}/oauth/api/v4/${path}`, {
    method: fields === undefined ? "GET" : "POST",
    headers: { Authorization: `Basic ${btoa(`${site.clientId}:${site.clientSecret}`)}` },
    ...(fields === undefined ? {} : { body: new URLSearchParams(fields) }),
  });
  const body = (await response.json()) as Record<string, string>;
  assert(response.ok, JSON.stringify(body));
  return body;
}

const start = async (type: string, fields: Record<string, string> = {}): Promise<Record<string, string>> =>
  portal("authenticate/user", {
    type,
    callback_uri: "http://127.0.0.1:9/callback",
    ...(type === "scan" ? {} : { user_id: "anna", device_id: (await device.deviceId())! }),
    ...fields,
  });
const status = async (started: Record<string, string>): Promise<unknown> =>
  (await portal(`authenticate/transaction/${started.transaction_id}`)).is_authenticated;

let scanned = (await portal("users/anna/enrollment-codes", { application_id: "shop" })).enrollment_uri!;
const pushToken = "push-token-of-anna";
let payload = "";
"""
# Use of the adapters of a platform.
ADAPTERS = """
import { parseEnrollmentLink } from "@countersign/device";
import { device } from "./device.ts";

const { code } = parseEnrollmentLink(scanned)!;
const { profileId } = await device.enroll({
  code,
  applicationId: "shop",
  platform: "android",
  appVersion: "1.0.0",
  deviceName: "Test",
});
await device.setPushToken(pushToken);
await device.registerPin(profileId, "12345");
await device.registerFingerprint(profileId, { pin: "12345" });
const approvals = { "login-pin": { pin: "12345" }, "login-fingerprint": { fingerprint: true } } as const;
for (const [type, approval] of Object.entries(approvals)) {
  const started = await start(type);
  const [pending] = await device.transactions();
  assert.equal(await device.approve(await device.fetch(pending!), approval), "authenticated");
  assert.equal(await status(started), true);
}
await device.unenroll(profileId);
console.log("approved with both");
"""
# Modules of an app on the pages of platforms, in the order of the page.
MODULES = ("keyStore", "storage", "tokenStore", "device", "push")
# What happens before and after each step.
STEPS = {
    "create": ("", "assert.deepEqual(interrupted, []);"),
    "enrol": ("", "assert.match(profileId, /^[A-Z0-9]{6}$/);"),
    "push": ("", "assert.equal((await device.profiles())[0]?.pushEnrolled, true);"),
    "register": (
        "",
        """
const [registered] = await device.profiles();
assert.equal(registered?.pin, "registered");
assert.deepEqual(registered?.authenticators, [{ type: "fingerprint" }]);
""",
    ),
    "list": (
        'const first = await start("login-pin", { message: "Sign in?" });',
        'assert.equal(shown.at(-1), "login-pin: Sign in?");',
    ),
    "fetch": (
        """
const content = { og_transaction_id: first.transaction_id, og_profile_id: profileId, og_message: "Sign in?" };
payload = JSON.stringify({ data: { content: JSON.stringify(content) } });
""",
        "assert.equal(opened.transactionId, first.transaction_id);",
    ),
    "approve": (
        "",
        """
assert.deepEqual(shown.slice(-2), ["wrong PIN, 2 attempts left", "authenticated"]);
assert.equal(await status(first), true);
""",
    ),
    "fingerprint": (
        'const second = await start("login-fingerprint");',
        """
assert.deepEqual(shown.slice(-2), ["place your finger: fingerprint", "authenticated"]);
assert.equal(await status(second), true);
""",
    ),
    "sign": (
        """
const third = await start("pay", { signing_data: "Pay € 38.50 to Larkspur" });
portalNumber = third.verification_number!;
""",
        """
assert.deepEqual(shown.slice(-2), ["Pay € 38.50 to Larkspur", "authenticated"]);
const signed = await portal(`authenticate/transaction/${third.transaction_id}`);
assert.equal(String(signed.signature_verified), "true");
""",
    ),
    "otp": (
        """
const fourth = await start("scan");
scanned = fourth.otp!;
""",
        'assert.equal(shown.at(-1), "authenticated");\nassert.equal(await status(fourth), true);',
    ),
    "deny": (
        'const fifth = await start("login");',
        'assert.equal(shown.at(-1), "not_authenticated");\nassert.equal(await status(fifth), false);',
    ),
    "state": ("", 'assert.equal(shown.at(-1), "shop: enabled, push true, offer custom");'),
    "unenrol": (
        "",
        'assert.deepEqual(await device.profiles(), []);\nconsole.log("every step has run");',
    ),
}


def steps():
    return STEP.findall((DOCS / "typescript.md").read_text())


def app():
    """Return the app of the page: its blocks in order, with the portal between them."""
    parts = [APP]
    for name, block in steps():
        before, after = STEPS[name]
        parts += [before, block, after]
    return "\n".join(parts)


def install(directory):
    """Make the library available to modules in a directory."""
    package = directory / "node_modules" / "@countersign" / "device"
    package.parent.mkdir(parents=True)
    package.symlink_to(PACKAGE)
    (directory / "node_modules" / "jose").symlink_to(PACKAGE / "node_modules" / "jose")


def check_types(library, directory, *files, **changes):
    """Run the type checker with the strict options of the library, and return its output."""
    options = json.loads((PACKAGE / "tsconfig.json").read_text())["compilerOptions"]
    types = str(PACKAGE / "node_modules" / "@types")
    options |= {"typeRoots": [types], "noUnusedLocals": False, "noUnusedParameters": False, **changes}
    (directory / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": list(files)}))
    ended = library.run(
        "node_modules/typescript/bin/tsc", "--project", str(directory / "tsconfig.json"), capture_output=True
    )
    return ended.stdout


def test_every_step_is_executed_once_and_in_order():
    assert [name for name, _block in steps()] == list(STEPS)
    blocks = (DOCS / "typescript.md").read_text().count("```ts\n")
    assert len(steps()) == blocks


def test_blocks_match_the_types_of_the_library(library, tmp_path):
    install(tmp_path)
    (tmp_path / "app.mts").write_text(app())
    assert check_types(library, tmp_path, "app.mts") == ""


PAGES = pytest.mark.parametrize("page", ["react-native", "capacitor"])


def modules(page):
    """Return the modules of the app on a page, by name."""
    blocks = CHECKED.findall((DOCS / f"{page}.md").read_text())
    return dict(zip(MODULES, blocks, strict=True))


@PAGES
def test_adapters_of_a_platform_match_the_types(library, tmp_path, page):
    install(tmp_path)
    (tmp_path / "packages.d.ts").write_text(mobile_packages.TYPES)
    for name, block in modules(page).items():
        (tmp_path / f"{name}.ts").write_text(block)
    files = ["packages.d.ts", *(f"{name}.ts" for name in MODULES)]
    options = {"module": "ESNext", "moduleResolution": "bundler", "types": []}
    assert check_types(library, tmp_path, *files, allowImportingTsExtensions=True, **options) == ""


@pytest.mark.processes
def test_app_runs_in_order_against_a_server(library, site, tmp_path):
    install(tmp_path)
    (tmp_path / "app.mts").write_text(app().replace(f'"{SERVER}"', "site.server"))
    assert run(tmp_path / "app.mts", site) == "every step has run"


@pytest.mark.processes
@PAGES
def test_adapters_of_a_platform_enrol_and_approve(library, site, tmp_path, page):
    install(tmp_path)
    for name, block in modules(page).items():
        (tmp_path / f"{name}.ts").write_text(block.replace(SERVER, site["server"]))
    (tmp_path / "app.ts").write_text(APP.replace("anna", f"user-of-{page}") + ADAPTERS)
    fakes = {"keys": mobile_packages.KEYS, **mobile_packages.FAKES}
    for number, source in enumerate(fakes.values()):
        (tmp_path / f"fake{number}.mjs").write_text(source)
    aliases = [f"--alias:{name}={tmp_path / f'fake{number}.mjs'}" for number, name in enumerate(fakes)]
    bundle = ("--bundle", "--platform=node", "--format=esm", "--log-level=error", "--outfile=app.mjs")
    built = library.run(
        str(PACKAGE / "node_modules/esbuild/bin/esbuild"),
        "app.ts",
        *bundle,
        *aliases,
        cwd=tmp_path,
        capture_output=True,
    )
    assert built.returncode == 0, built.stderr
    assert run(tmp_path / "app.mjs", site) == "approved with both"


def run(module, site):
    ended = subprocess.run(
        [NODE, "--no-warnings", module.name],
        cwd=module.parent,
        env={**os.environ, "COUNTERSIGN_TEST_SERVER": json.dumps(site)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-5000:]
    return ended.stdout.strip()
