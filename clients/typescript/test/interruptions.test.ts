/** An app that is ended at any point recovers at its next start, without lost state, keys or attempts. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { InvalidDeviceToken, InvalidEnrollmentCode, InvalidPin, type Device, type Profile } from "../src/index.ts";
import { KillableProcess } from "./killable.ts";
import { Setup } from "./setup.ts";

const PIN = "12345";
const NEW_PIN = "67890";
const ABANDONED_MS = 16 * 60 * 1000;

interface Case<T> {
  readonly prepare: (setup: Setup) => Promise<T>;
  readonly app: (device: Device, setup: Setup, prepared: T) => Promise<unknown>;
  /** The next start of the app, and the assertions about its outcome. */
  readonly recover: (setup: Setup, prepared: T) => Promise<void>;
  /** Smallest number of points: fewer show that the effects are not observed. */
  readonly points: number;
}

/** Run an app once for each of its points, and end it there. */
function interrupt<T>(name: string, { prepare, app, recover, points }: Case<T>): void {
  it(name, async () => {
    for (let killAt = 1; ; killAt += 1) {
      const setup = new Setup();
      const prepared = await prepare(setup);
      const process = new KillableProcess(killAt);
      const killed = await process.run(setup, (device) => app(device, setup, prepared));
      const point = `${killAt}: ${process.points.at(-1) ?? ""}`;
      try {
        await recover(setup, prepared);
        await assertConsistent(setup);
      } catch (error) {
        throw new Error(`ended at ${point}`, { cause: error });
      }
      if (killed) continue;
      assert.ok(process.points.length >= points, `${process.points.length} points`);
      return;
    }
  });
}

/** Check that nothing is left over: keys, tokens, and repeated registrations. */
async function assertConsistent(setup: Setup): Promise<void> {
  setup.server.time += ABANDONED_MS;
  await setup.restart().resume();
  const state = JSON.parse(setup.storage.values.get("countersign:device:https://auth.example.com") ?? "{}");
  const tokens = JSON.parse(setup.storage.values.get("countersign:tokens") ?? "{}");
  const profiles = state.profiles as { keyId: string; tokens: Record<string, string> }[];
  assert.deepEqual([...setup.keyStore.keys.keys()].sort(), profiles.map(({ keyId }) => keyId).sort());
  assert.deepEqual(Object.keys(tokens).sort(), profiles.flatMap((each) => Object.values(each.tokens)).sort());
  assert.deepEqual(state.answers, []);
  const registrations = setup.server.log.filter(({ path }) => path.endsWith("/authenticators"));
  assert.equal(new Set(registrations.map(({ body }) => body)).size, registrations.length);
}

/** Approve a new transaction. */
async function assertApproves(setup: Setup, approval: { pin?: string } = {}): Promise<void> {
  const [profile] = await setup.device.profiles();
  const method = approval.pin === undefined ? "push" : "push_with_pin";
  const { challenge } = await setup.challenge(profile!, { method });
  assert.equal(await setup.device.approve(challenge, approval), "authenticated");
  assert.equal(setup.server.profile().usedAttempts, 0);
}

/** Resume, and enrol with a new code if the outcome of an enrolment is unknown. */
async function recoverEnrollment(setup: Setup): Promise<void> {
  const resumed = await setup.restart().resume();
  const codeWasUsed = resumed.some(({ error }) => error instanceof InvalidEnrollmentCode);
  if (codeWasUsed || (await setup.device.profiles()).length === 0) await setup.enroll();
}

interrupt("enrolment of a new device", {
  prepare: (setup) => Promise.resolve(setup.request()),
  app: (device, _setup, request) => device.enroll(request),
  recover: async (setup) => {
    await recoverEnrollment(setup);
    await assertApproves(setup);
  },
  points: 10,
});

interrupt("enrolment of an additional user", {
  prepare: async (setup) => {
    await setup.enrollWithPin();
    return setup.request(setup.server.createCode("bert"));
  },
  app: (device, _setup, request) => device.enroll(request),
  recover: async (setup) => {
    await setup.restart().resume();
    await assertApproves(setup, { pin: PIN });
    assert.equal(setup.server.devices.size, 1);
    if ((await setup.device.profiles()).length === 1) {
      // The code was used, or the request was not stored.
      await setup.device.enroll(setup.request(setup.server.createCode("bert")));
    }
    assert.equal((await setup.device.profiles()).length, 2);
  },
  points: 10,
});

interrupt("new enrolment of an enrolled user", {
  prepare: async (setup) => {
    const profile = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profile.profileId, { pin: PIN });
    return { profile, request: setup.request() };
  },
  app: (device, _setup, { request }) => device.enroll(request),
  recover: async (setup, { profile }) => {
    await recoverEnrollment(setup);
    const [enrolled] = await setup.device.profiles();
    assert.equal(enrolled!.profileId, profile.profileId);
    await assertApproves(setup, enrolled!.pin === "registered" ? { pin: PIN } : {});
  },
  points: 10,
});

interrupt("approval with a PIN", {
  prepare: async (setup) => setup.challenge(await setup.enrollWithPin(), { method: "push_with_pin" }),
  app: (device, _setup, { challenge }) => device.approve(challenge, { pin: PIN }),
  recover: async (setup, { challenge, transaction }) => {
    const [resumed] = await setup.restart().resume();
    if (resumed !== undefined) assert.deepEqual(resumed, { ...resumed, kind: "answer", status: "authenticated" });
    else if (transaction.status === "pending") await setup.device.approve(challenge, { pin: PIN });
    assert.equal(transaction.status, "authenticated");
    assert.equal(transaction.answers.size, 1);
  },
  points: 8,
});

interrupt("approval with a wrong PIN", {
  prepare: async (setup) => setup.challenge(await setup.enrollWithPin(), { method: "push_with_pin" }),
  app: (device, _setup, { challenge }) => device.approve(challenge, { pin: "1" }).catch(() => undefined),
  recover: async (setup, { challenge, transaction }) => {
    const [resumed] = await setup.restart().resume();
    if (resumed !== undefined) assert.ok(resumed.error instanceof InvalidPin);
    assert.ok(transaction.answers.size <= 1, "the attempt is counted once");
    assert.ok(setup.server.profile().usedAttempts <= 1);
    assert.equal(await setup.device.approve(challenge, { pin: PIN }), "authenticated");
  },
  points: 8,
});

interrupt("code with a wrong PIN", {
  prepare: async (setup) => {
    const profile = await setup.enrollWithPin();
    return setup.challenge(profile, { method: "push_with_pin", code: "048231" });
  },
  app: (device, _setup, { challenge }) => device.fetchCode(challenge, { pin: "1" }).catch(() => undefined),
  recover: async (setup, { challenge }) => {
    await setup.restart().resume();
    // A request without a response is sent again, so that its wrong PIN is counted once.
    if (setup.stored().includes('"codeRequests":[{')) {
      await assert.rejects(setup.device.fetchCode(challenge, { pin: "1" }), InvalidPin);
    }
    assert.ok(setup.server.profile().usedAttempts <= 1);
    assert.equal(await setup.device.fetchCode(challenge, { pin: PIN }), "048231");
    assert.equal(setup.server.profile().usedAttempts, 0);
  },
  points: 8,
});

interrupt("wrong PIN that disconnects", {
  prepare: async (setup) => {
    setup.server.maxPinAttempts = 1;
    return setup.challenge(await setup.enrollWithPin(), { method: "push_with_pin" });
  },
  app: (device, _setup, { challenge }) => device.approve(challenge, { pin: "1" }).catch(() => undefined),
  recover: async (setup, { challenge }) => {
    await setup.restart().resume();
    if ((await setup.device.profiles()).length > 0) {
      assert.equal(setup.server.profile().usedAttempts, 0);
      await setup.device.approve(challenge, { pin: "1" }).catch(() => undefined);
    }
    assert.deepEqual(await setup.device.profiles(), []);
    await setup.enroll();
    await assertApproves(setup);
  },
  points: 8,
});

interrupt("approval with a revoked fingerprint", {
  prepare: async (setup) => {
    const profile = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profile.profileId, { pin: PIN });
    setup.server.profile().tokens.set("fingerprint", "another");
    return { profile, ...(await setup.challenge(profile, { method: "push_with_fingerprint" })) };
  },
  app: (device, _setup, { challenge }) => device.approve(challenge, { fingerprint: true }).catch(() => undefined),
  recover: async (setup, { challenge, profile }) => {
    await setup.restart().resume();
    await setup.device.registerFingerprint(profile.profileId, { pin: PIN });
    assert.equal(await setup.device.approve(challenge, { fingerprint: true }), "authenticated");
  },
  points: 8,
});

interrupt("denial after an approval without a response", {
  prepare: async (setup) => {
    const { challenge, transaction } = await setup.challenge(await setup.enroll());
    const offline = setup.restart({ fetch: () => Promise.reject(new TypeError("offline")) });
    await offline.approve(challenge).catch(() => undefined);
    return { challenge, transaction };
  },
  app: (device, _setup, { challenge }) => device.deny(challenge),
  recover: async (setup, { challenge, transaction }) => {
    // Before the denial is stored, only the user can repeat it.
    if (!setup.stored().includes('"approve":false') && transaction.status === "pending") {
      await setup.restart().deny(challenge);
    }
    await setup.restart().resume();
    assert.equal(transaction.status, "not_authenticated");
    assert.equal(transaction.answers.size, 1);
  },
  points: 6,
});

/** Register a PIN again, or enrol again, as profiles() and enrollments() report. */
async function recoverPin(setup: Setup): Promise<Profile> {
  await setup.restart().resume();
  await setup.device.enrollments();
  const [profile] = await setup.device.profiles();
  if (profile!.pin === "registered") return profile!;
  if (profile!.pin === "unconfirmed") await setup.enroll();
  await setup.device.registerPin(profile!.profileId, NEW_PIN);
  return profile!;
}

interrupt("registration of the first PIN", {
  prepare: (setup) => setup.enroll(),
  app: (device, _setup, { profileId }) => device.registerPin(profileId, NEW_PIN),
  recover: async (setup) => {
    await recoverPin(setup);
    await assertApproves(setup, { pin: NEW_PIN });
  },
  points: 10,
});

interrupt("replacement of the PIN", {
  prepare: async (setup) => {
    const profile = await setup.enrollWithPin();
    return { profile, token: setup.server.profile().pin };
  },
  app: (device, _setup, { profile }) => device.registerPin(profile.profileId, NEW_PIN, { currentPin: PIN }),
  recover: async (setup, { token }) => {
    const wasReplaced = setup.server.profile().pin !== token;
    const profile = await recoverPin(setup);
    const pin = profile.pin === "registered" && !wasReplaced ? PIN : NEW_PIN;
    await assertApproves(setup, { pin });
  },
  points: 12,
});

interrupt("registration of a fingerprint", {
  prepare: (setup) => setup.enrollWithPin(),
  app: (device, _setup, { profileId }) => device.registerFingerprint(profileId, { pin: PIN }),
  recover: async (setup, { profileId }) => {
    await setup.restart().resume();
    const [profile] = await setup.device.profiles();
    if (profile!.authenticators.length === 0) await setup.device.registerFingerprint(profileId, { pin: PIN });
    const { challenge } = await setup.challenge(profile!, { method: "push_with_fingerprint" });
    assert.equal(await setup.device.approve(challenge, { fingerprint: true }), "authenticated");
  },
  points: 12,
});

interrupt("replacement of a fingerprint", {
  prepare: async (setup) => {
    const profile = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profile.profileId, { pin: PIN });
    return profile;
  },
  app: (device, _setup, { profileId }) => device.registerFingerprint(profileId, { pin: PIN }),
  recover: async (setup, { profileId }) => {
    await setup.restart().resume();
    await setup.device.registerFingerprint(profileId, { pin: PIN });
    const { challenge } = await setup.challenge({ profileId } as Profile, { method: "push_with_fingerprint" });
    assert.equal(await setup.device.approve(challenge, { fingerprint: true }), "authenticated");
  },
  points: 12,
});

interrupt("first push token", {
  prepare: async (setup) => {
    await setup.enroll("anna");
    await setup.enroll("bert");
  },
  app: (device) => device.setPushToken("first"),
  recover: (setup) => recoverPushToken(setup, "first"),
  points: 8,
});

interrupt("replacement of the push token", {
  prepare: async (setup) => {
    await setup.enroll("anna");
    await setup.enroll("bert");
    await setup.device.setPushToken("first");
  },
  app: (device) => device.setPushToken("second"),
  recover: (setup) => recoverPushToken(setup, "second"),
  points: 6,
});

/** If the push token was stored, it is sent by `resume`; otherwise the app passes it again at its start. */
async function recoverPushToken(setup: Setup, pushToken: string): Promise<void> {
  await setup.restart().resume();
  if (!setup.stored().includes(`"pushToken":"${pushToken}"`)) await setup.device.setPushToken(pushToken);
  assert.deepEqual([...setup.server.profiles.values()].map((each) => each.pushToken), [pushToken, pushToken]);
  assert.deepEqual((await setup.device.profiles()).map(({ pushEnrolled }) => pushEnrolled), [true, true]);
}

interrupt("removal of a user", {
  prepare: (setup) => setup.enroll(),
  app: (device, _setup, { profileId }) => device.unenroll(profileId),
  recover: async (setup, { profileId }) => {
    await setup.restart().resume();
    if ((await setup.device.profiles()).length > 0) await setup.device.unenroll(profileId);
    assert.equal(setup.server.profiles.size, 0);
    assert.deepEqual(await setup.device.profiles(), []);
  },
  points: 6,
});

interrupt("removal by the server", {
  prepare: async (setup) => {
    await setup.enroll();
    setup.server.profiles.clear();
  },
  app: (device) => device.transactions().catch(() => undefined),
  recover: async (setup) => {
    const isEnrolled = (await setup.restart().profiles()).length > 0;
    if (isEnrolled) await assert.rejects(setup.device.transactions(), InvalidDeviceToken);
    assert.deepEqual(await setup.device.profiles(), []);
  },
  points: 6,
});

it("does not send a revoked push token again, unless the app asks for it", async () => {
  const setup = new Setup();
  const { profileId } = await setup.enroll();
  await setup.device.setPushToken("first");
  delete setup.server.profile().pushToken;
  assert.equal((await setup.device.enrollments()).profiles[0]!.requests, "off");
  assert.deepEqual(await setup.restart().resume(), []);
  await setup.device.setPushToken("first", { only: [] });
  assert.equal(setup.server.profile().pushToken, undefined);
  await setup.device.setPushToken("first", { only: [profileId] });
  assert.equal(setup.server.profile().pushToken, "first");
});
