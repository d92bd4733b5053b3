/** Each error of docs/device-protocol.md has a class, if an app handles it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as errors from "../src/errors.ts";

const page = readFileSync(new URL("../../../docs/device-protocol.md", import.meta.url), "utf8");
const ROW = /^\| (\d{3}) \| `(\w+)` \| (\d*) ?\|/gm;
// Errors of the app, which it cannot handle.
const GENERAL = ["invalid_public_key", "method_not_allowed", "request_too_large", "unsupported_media_type"];
const rows = [...page.matchAll(ROW)].map(([, status, error, code]) => ({ status: Number(status), error, code }));

describe("errors of the protocol", () => {
  it("are found", () => {
    assert.ok(rows.length > 20);
  });

  for (const { status, error = "", code = "" } of rows) {
    it(`${status} ${error}`, () => {
      const members = { error, errorCode: code, description: "Text.", usedAttempts: 1, maxAttempts: 3 };
      const found = errors.apiError(status, members);
      assert.equal(found.constructor === errors.DeviceApiError, GENERAL.includes(error));
      assert.deepEqual([found.status, found.error, found.errorCode], [status, error, code]);
      assert.equal(found.name, found.constructor.name);
      assert.match(found.message, /Text/);
    });
  }
});

it("an error that the library does not know is general", () => {
  const members = { error: "later", errorCode: "", description: "", usedAttempts: 0, maxAttempts: 0 };
  assert.equal(errors.apiError(403, members).constructor, errors.DeviceApiError);
});

it("attempts without a limit are not counted down", () => {
  const members = { error: "invalid_pin", errorCode: "", description: "", usedAttempts: 5, maxAttempts: 0 };
  assert.equal(new errors.InvalidPin(403, members).attemptsLeft, undefined);
});
