/** Clocks of devices that are wrong, or that the user changes. */

import assert from "node:assert/strict";
import { it } from "node:test";
import * as errors from "../src/errors.ts";
import { Setup } from "./setup.ts";

const HOUR = 3_600_000;

for (let hours = -25; hours <= 25; hours += 5) {
  it(`a clock that is wrong by ${hours} hours registers and approves`, async () => {
    const setup = new Setup();
    setup.clockError = hours * HOUR;
    const profile = await setup.enrollWithPin();
    const { challenge } = await setup.challenge(profile, { method: "push_with_pin" });
    assert.equal(await setup.device.approve(challenge, { pin: "12345" }), "authenticated");
    assert.ok(Math.abs((await setup.restart().serverTime()) - setup.server.time) < 1000);
    assert.equal(setup.server.log.filter(({ path }) => path.endsWith("/authenticators")).length, 1);
  });
}

it("a clock that changes while the app is closed costs one retry with a new nonce", async () => {
  const setup = new Setup();
  const { profileId } = await setup.enrollWithPin();
  setup.clockError = -25 * HOUR;
  setup.server.log.length = 0;
  await setup.restart().registerFingerprint(profileId, { pin: "12345" });
  assert.equal(new Set(setup.server.log.map(({ body }) => body)).size, 2);
});

it("a registration that stays invalid is sent twice", async () => {
  const setup = new Setup();
  const { profileId } = await setup.enrollWithPin();
  setup.server.profile().keys = setup.server.profile().keys.map((key) => ({ ...key, x: key.y, y: key.x }));
  setup.server.log.length = 0;
  await assert.rejects(setup.device.registerFingerprint(profileId, { pin: "12345" }), errors.InvalidMessage);
  assert.equal(setup.server.log.length, 2);
});

it("a response without a date changes nothing", async () => {
  const setup = new Setup();
  setup.clockError = HOUR;
  await setup.enroll();
  for (const headers of [{}, { Date: "yesterday" }]) {
    const response = new Response(JSON.stringify({ transactions: [] }), { headers });
    setup.restart({ fetch: () => Promise.resolve(response) });
    await setup.device.transactions();
    assert.ok(Math.abs((await setup.device.serverTime()) - setup.server.time) < 1000);
  }
});

it("the difference is stored only if it changes by a second", async () => {
  const setup = new Setup();
  await setup.enroll();
  setup.server.time = Math.floor(setup.server.time / 1000) * 1000 + 300;
  await setup.device.transactions();
  const [stored] = [setup.storage.values.get("countersign:clock:https://auth.example.com")];
  setup.server.time += 400;
  await setup.device.transactions();
  assert.equal(setup.storage.values.get("countersign:clock:https://auth.example.com"), stored);
});
