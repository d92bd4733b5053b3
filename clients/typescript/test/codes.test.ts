/** Codes that the user enters at the portal: with each authenticator, wrong credentials, and interrupted calls. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as errors from "../src/index.ts";
import { Setup } from "./setup.ts";

const PIN = "12345";
const CODE = "048231";

async function started(method: string) {
  const setup = new Setup();
  const profile = await setup.enrollWithPin(PIN);
  await setup.device.registerFingerprint(profile.profileId, { pin: PIN });
  await setup.device.registerCustom(profile.profileId, "face", { pin: PIN });
  return { setup, profile, ...(await setup.challenge(profile, { method, code: CODE })) };
}

function requests(setup: Setup): string[] {
  return setup.server.log.filter(({ path }) => path.endsWith("/code")).map(({ body }) => body);
}

describe("codes", () => {
  it("are part of the challenge of a push", async () => {
    const { setup, challenge } = await started("push");
    assert.deepEqual([challenge.type.codeToPhone, challenge.code], [true, CODE]);
    assert.equal(await setup.device.fetchCode(challenge), CODE);
    assert.deepEqual(requests(setup), []);
  });

  for (const [method, credential] of [
    ["push_with_pin", { pin: PIN }],
    ["push_with_fingerprint", { fingerprint: true }],
    ["push_with_custom_authenticator", { custom: "face" }],
  ] as const) {
    it(`are unlocked by the authenticator of ${method}`, async () => {
      const { setup, challenge, transaction } = await started(method);
      assert.equal(challenge.code, undefined);
      await assert.rejects(setup.device.approve(challenge, credential), errors.InvalidApproval);
      assert.equal(await setup.device.fetchCode(challenge, credential), CODE);
      assert.equal(await setup.device.fetchCode(challenge, credential), CODE);
      assert.equal(transaction.status, "pending");
      assert.ok(!setup.stored().includes(CODE));
      assert.equal(await setup.device.deny(challenge), "not_authenticated");
      await assert.rejects(setup.device.fetchCode(challenge, credential), errors.InvalidTransaction);
    });
  }

  it("do not exist for other transactions", async () => {
    const setup = new Setup();
    const { challenge } = await setup.challenge(await setup.enroll());
    assert.equal(challenge.type.codeToPhone, false);
    await assert.rejects(setup.device.fetchCode(challenge), errors.InvalidApproval);
  });

  it("are not shown for a wrong PIN, which counts", async () => {
    const { setup, challenge } = await started("push_with_pin");
    await assert.rejects(setup.device.fetchCode(challenge, { pin: "1" }), errors.InvalidPin);
    assert.equal(setup.server.profile().usedAttempts, 1);
    assert.equal(await setup.device.fetchCode(challenge, { pin: PIN }), CODE);
    assert.equal(setup.server.profile().usedAttempts, 0);
  });

  it("delete a revoked token and a disconnected profile", async () => {
    const { setup, challenge, profile } = await started("push_with_fingerprint");
    setup.server.profile().tokens.set("fingerprint", "another");
    await assert.rejects(setup.device.fetchCode(challenge, { fingerprint: true }), errors.AuthenticatorRevoked);
    assert.deepEqual((await setup.device.profiles())[0]!.authenticators.map(({ type }) => type), ["custom"]);
    assert.equal(await setup.device.fetchCode(challenge, { pin: PIN }), CODE);
    setup.server.maxPinAttempts = 1;
    await assert.rejects(setup.device.fetchCode(challenge, { pin: "1" }), errors.Disconnected);
    assert.ok(!(await setup.device.profiles()).some(({ profileId }) => profileId === profile.profileId));
  });

  for (const code of ["12345", "1234567", "12345x", "１２３４５６", 123456]) {
    it(`are rejected in another form: ${code}`, async () => {
      const { setup, challenge, transaction } = await started("push_with_pin");
      transaction.code = code as string;
      await assert.rejects(setup.device.fetchCode(challenge, { pin: PIN }), errors.InvalidServerMessage);
    });
  }

  for (const [pin, attempts] of [[PIN, 0], ["1", 1]] as const) {
    it(`cost nothing when the response is lost, with ${attempts} wrong PIN`, async () => {
      const { setup, challenge } = await started("push_with_pin");
      const { server } = setup;
      const offline = setup.restart({
        fetch: async (url, init) => {
          await server.fetch(url, init);
          throw new TypeError("the response is lost");
        },
      });
      await assert.rejects(offline.fetchCode(challenge, { pin }), errors.NetworkError);
      await setup.restart().resume();
      const again = setup.device.fetchCode(challenge, { pin });
      await (attempts === 0 ? again : assert.rejects(again, errors.InvalidPin));
      assert.equal(server.profile().usedAttempts, attempts);
      assert.equal(new Set(requests(setup)).size, 1);
      assert.equal(await setup.device.fetchCode(challenge, { pin: PIN }), CODE);
    });
  }

  it("are forgotten when their transaction has expired", async () => {
    const { setup, challenge } = await started("push_with_pin");
    const offline = setup.restart({ fetch: () => Promise.reject(new TypeError("offline")) });
    await assert.rejects(offline.fetchCode(challenge, { pin: PIN }), errors.NetworkError);
    assert.ok(setup.stored().includes('"codeRequests":[{'));
    setup.server.time += 400_000;
    await setup.restart().resume();
    assert.ok(setup.stored().includes('"codeRequests":[]'));
  });
});
