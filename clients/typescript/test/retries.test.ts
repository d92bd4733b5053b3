/** Retries of interrupted calls, and responses that are not from the device API. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { calculateJwkThumbprint } from "jose";
import * as errors from "../src/errors.ts";
import type { Fetch } from "../src/index.ts";
import { Mutex } from "../src/mutex.ts";
import { Setup } from "./setup.ts";

const PATHS = { answer: "/answer", register: "/authenticators" };

/** Replace the first responses: undefined lets a request through, and "lost" loses the response of the server. */
function failing(setup: Setup, ...responses: (Response | Error | "lost" | undefined)[]): Fetch {
  return async (url, init) => {
    const next = responses.shift();
    if (next instanceof Error) throw next;
    if (next === "lost") {
      await setup.server.fetch(url, init);
      throw new TypeError("the response was lost");
    }
    return next ?? setup.server.fetch(url, init);
  };
}

const offline = () => new TypeError("offline");
const failure = (status: number, headers = {}, error = "internal_error") =>
  new Response(JSON.stringify({ error_code: "", error, error_description: "" }), { status, headers });
const page = (status: number) => new Response("<html>Welcome to our hotel</html>", { status });

const sent = (setup: Setup, path: string) => setup.server.log.filter((each) => each.path.endsWith(path));

describe("retries", () => {
  it("wait 1, 2 and 4 seconds", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.restart({ fetch: failing(setup, offline(), offline(), page(502)) });
    assert.deepEqual(await setup.device.transactions(), []);
    assert.deepEqual(setup.sleeps, [1000, 2000, 4000]);
  });

  it("end after the maximum", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.transactions(), errors.NetworkError);
    assert.deepEqual(setup.sleeps, [1000, 2000, 4000]);
  });

  it("are not before Retry-After, in seconds or as a date", async () => {
    const setup = new Setup();
    await setup.enroll();
    const date = new Date(setup.server.time).toUTCString();
    const later = new Date(setup.server.time + 9000).toUTCString();
    const responses = [failure(503, { "Retry-After": "7" }), failure(503, { "Retry-After": later, Date: date })];
    setup.restart({ fetch: failing(setup, ...responses) });
    await setup.device.transactions();
    assert.deepEqual(setup.sleeps, [7000, 9000]);
  });

  it("are left to the app if Retry-After is long", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.restart({ fetch: failing(setup, failure(503, { "Retry-After": "3600" })) });
    await assert.rejects(setup.device.transactions(), (error) => {
      assert.ok(error instanceof errors.ServerUnavailable);
      assert.deepEqual([error.status, error.retryAfter], [503, 3600]);
      return true;
    });
    assert.deepEqual(setup.sleeps, []);
  });

  it("of an internal error happen once", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.restart({ fetch: failing(setup, failure(500), failure(500)) });
    await assert.rejects(setup.device.transactions(), errors.ServerUnavailable);
    assert.deepEqual(setup.sleeps, [1000]);
  });

  it("end with the transaction", async () => {
    const setup = new Setup();
    const { challenge } = await setup.challenge(await setup.enroll(), { time_to_live: 2 });
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.approve(challenge), errors.NetworkError);
    assert.deepEqual(setup.sleeps, [1000]);
  });

  it("of a request without a response begin after the timeout", async () => {
    const setup = new Setup();
    await setup.enroll();
    const timers: number[] = [];
    let requests = 0;
    const hanging: Fetch = (url, init) => {
      requests += 1;
      if (requests > 1) return setup.server.fetch(url, init);
      return new Promise((_resolve, reject) => {
        init.signal!.addEventListener("abort", () => {
          reject(new Error("aborted"));
        });
      });
    };
    const setTimer = (callback: () => void, ms: number) => {
      timers.push(ms);
      if (timers.length === 1) queueMicrotask(callback);
      return () => undefined;
    };
    setup.restart({ fetch: hanging, setTimer, timeout: 5000 });
    assert.deepEqual(await setup.device.transactions(), []);
    assert.deepEqual(timers, [5000, 5000]);
  });
});

describe("answers", () => {
  it("are sent again as the same bytes, and verified once", async () => {
    const setup = new Setup();
    const { challenge, transaction } = await setup.challenge(await setup.enroll());
    setup.restart({ fetch: failing(setup, offline(), "lost", failure(503), page(200)) });
    await assert.rejects(setup.device.approve(challenge), errors.UnexpectedResponse);
    assert.equal(await setup.restart().approve(challenge), "authenticated");
    assert.equal(transaction.answers.size, 1);
    assert.equal(new Set(sent(setup, PATHS.answer).map(({ body }) => body)).size, 1);
  });

  for (const response of [failure(404, {}, "feature_disabled"), failure(429), failure(500), failure(503), page(403)]) {
    it(`stay stored after a response that is not final: ${response.status}`, async () => {
      const setup = new Setup();
      const { challenge, transaction } = await setup.challenge(await setup.enroll());
      setup.restart({ fetch: failing(setup, response), maxRetries: 0 });
      await assert.rejects(setup.device.approve(challenge), errors.DeviceError);
      await setup.restart().resume();
      assert.equal(transaction.status, "authenticated");
    });
  }

  it("are deleted with their profile", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    const { challenge } = await setup.challenge(profile);
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.approve(challenge), errors.NetworkError);
    await setup.restart().unenroll(profile.profileId);
    assert.deepEqual(await setup.device.resume(), []);
  });

  it("can still be a denial after an approval that did not arrive", async () => {
    const setup = new Setup();
    const { challenge, transaction } = await setup.challenge(await setup.enroll());
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.approve(challenge), errors.NetworkError);
    assert.equal(await setup.restart().deny(challenge), "not_authenticated");
    assert.equal(transaction.status, "not_authenticated");
    assert.deepEqual(await setup.device.resume(), []);
  });

  it("report the approval if it arrived before the denial", async () => {
    const setup = new Setup();
    const { challenge } = await setup.challenge(await setup.enroll());
    setup.restart({ fetch: failing(setup, "lost"), maxRetries: 0 });
    await assert.rejects(setup.device.approve(challenge), errors.NetworkError);
    assert.equal(await setup.restart().deny(challenge), "authenticated");
    assert.deepEqual(await setup.device.resume(), []);
  });

  it("are not approved by an old denial, nor denied after a wrong PIN", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    const { challenge, transaction } = await setup.challenge(profile, { method: "push_with_pin" });
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.deny(challenge), errors.NetworkError);
    await assert.rejects(setup.restart().approve(challenge, { pin: "1" }), errors.InvalidPin);
    assert.deepEqual(await setup.restart().resume(), []);
    assert.equal(transaction.status, "pending");
  });

  it("of one transaction are sent one after the other", async () => {
    const setup = new Setup();
    const { challenge, transaction } = await setup.challenge(await setup.enroll());
    const outcomes = await Promise.allSettled([setup.device.approve(challenge), setup.device.approve(challenge)]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected"]);
    assert.equal(transaction.status, "authenticated");
  });
});

describe("registrations", () => {
  it("are never sent again as the same bytes", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enrollWithPin();
    setup.restart({ fetch: failing(setup, "lost") });
    await assert.rejects(setup.device.registerFingerprint(profileId, { pin: "12345" }), errors.NetworkError);
    assert.deepEqual(setup.sleeps, []);
    await setup.device.registerFingerprint(profileId, { pin: "12345" });
    const bodies = sent(setup, PATHS.register).map(({ body }) => body);
    assert.deepEqual([bodies.length, new Set(bodies).size], [3, 3]);
  });

  it("of a PIN that did not arrive can be repeated", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enroll();
    setup.restart({ fetch: failing(setup, offline()) });
    await assert.rejects(setup.device.registerPin(profileId, "12345"), errors.RegistrationLost);
    assert.equal((await setup.device.profiles())[0]!.pin, "unconfirmed");
    await setup.device.enrollments();
    assert.equal((await setup.device.profiles())[0]!.pin, "none");
    await setup.device.registerPin(profileId, "12345");
    assert.equal((await setup.device.profiles())[0]!.pin, "registered");
  });

  it("of a PIN whose response was lost require a new enrolment", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enroll();
    setup.restart({ fetch: failing(setup, "lost") });
    await assert.rejects(setup.device.registerPin(profileId, "12345"), errors.RegistrationLost);
    await setup.device.enrollments();
    assert.equal((await setup.device.profiles())[0]!.pin, "unconfirmed");
    assert.equal((await setup.enroll()).pin, "none");
  });

  it("of a PIN that the network sends twice require a new enrolment", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enroll();
    const twice: Fetch = async (url, init) => {
      if (url.endsWith(PATHS.register)) await setup.server.fetch(url, init);
      return setup.server.fetch(url, init);
    };
    await assert.rejects(setup.restart({ fetch: twice }).registerPin(profileId, "12345"), errors.InvalidMessage);
    await setup.restart().enrollments();
    assert.equal((await setup.device.profiles())[0]!.pin, "unconfirmed");
  });

  it("of another PIN that the network sends twice are reported", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enrollWithPin();
    let requests = 0;
    const twice: Fetch = async (url, init) => {
      requests += 1;
      if (requests === 1) await setup.server.fetch(url, init);
      return setup.server.fetch(url, init);
    };
    const replacement = setup.restart({ fetch: twice }).registerPin(profileId, "67890", { currentPin: "12345" });
    await assert.rejects(replacement, errors.InvalidPin);
    assert.equal((await setup.device.profiles())[0]!.pin, "unconfirmed");
  });

  it("of a PIN whose token is lost are reported", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.server.profile().pin = "unknown";
    await setup.device.enrollments();
    assert.equal((await setup.device.profiles())[0]!.pin, "unconfirmed");
  });

  it("of a PIN that did not arrive leave the old PIN valid", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    setup.restart({ fetch: failing(setup, offline()) });
    const replacement = setup.device.registerPin(profile.profileId, "67890", { currentPin: "12345" });
    await assert.rejects(replacement, errors.RegistrationLost);
    const { challenge } = await setup.challenge(profile, { method: "push_with_pin" });
    assert.equal(await setup.device.approve(challenge, { pin: "12345" }), "authenticated");
    assert.equal((await setup.device.profiles())[0]!.pin, "registered");
  });
});

describe("resume", () => {
  it("does not repeat the calls of another process", async () => {
    const setup = new Setup();
    const { run: lock } = new Mutex();
    const other = setup.restart({ lock });
    const device = setup.restart({ lock });
    const enrolling = other.enroll(setup.request());
    // The other process has stored its request when this one resumes.
    while (!setup.stored().includes("startedAt")) await setImmediate();
    assert.deepEqual(await device.resume(), []);
    const { challenge } = await setup.challenge(await enrolling);
    const approving = other.approve(challenge);
    while (!setup.stored().includes("approve")) await setImmediate();
    assert.deepEqual(await device.resume(), []);
    assert.equal(await approving, "authenticated");
    assert.deepEqual(await device.profiles(), [await enrolling]);
  });

  it("finishes each call in one process", async () => {
    const setup = new Setup();
    const { challenge } = await setup.challenge(await setup.enroll());
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.approve(challenge), errors.NetworkError);
    await assert.rejects(setup.device.enroll(setup.request(setup.server.createCode("bert"))), errors.NetworkError);
    const { run: lock } = new Mutex();
    const devices = [setup.restart({ lock }), setup.restart({ lock })];
    const resumed = (await Promise.all(devices.map((device) => device.resume()))).flat();
    assert.deepEqual(resumed.map(({ kind, error }) => [kind, error]).sort(), [
      ["answer", undefined],
      ["enrollment", undefined],
    ]);
  });

  it("ends at the first call without a response", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    const challenges = [(await setup.challenge(profile)).challenge, (await setup.challenge(profile)).challenge];
    setup.restart({ fetch: () => Promise.reject(offline()) });
    for (const challenge of challenges) await assert.rejects(setup.device.approve(challenge), errors.NetworkError);
    const resumed = await setup.device.resume();
    assert.deepEqual(resumed.map(({ error }) => error instanceof errors.NetworkError), [true]);
    assert.equal((await setup.restart().resume()).length, 2);
    assert.deepEqual(await setup.device.transactions(), []);
  });
});

describe("enrolment", () => {
  it("is repeated with the same code and keys", async () => {
    const setup = new Setup();
    const request = setup.request();
    setup.restart({ fetch: failing(setup, offline()), maxRetries: 0 });
    await assert.rejects(setup.device.enroll(request), errors.NetworkError);
    const [resumed] = await setup.restart().resume();
    assert.equal(resumed!.kind, "enrollment");
    assert.equal((await setup.device.profiles()).length, 1);
    assert.equal(setup.keyStore.keys.size, 1);
  });

  it("with a new code cancels an interrupted one", async () => {
    const setup = new Setup();
    setup.restart({ fetch: () => Promise.reject(offline()) });
    await assert.rejects(setup.device.enroll(setup.request()), errors.NetworkError);
    await setup.restart().enroll(setup.request());
    assert.deepEqual(await setup.device.resume(), []);
    assert.equal(setup.keyStore.keys.size, 1);
  });

  it("reports a code that a lost response has used", async () => {
    const setup = new Setup();
    setup.restart({ fetch: failing(setup, "lost") });
    await assert.rejects(setup.device.enroll(setup.request()), errors.InvalidEnrollmentCode);
    assert.equal(setup.keyStore.keys.size, 0);
  });
});

describe("responses of others", () => {
  it("delete nothing", async () => {
    for (const status of [200, 302, 401, 403, 404, 410]) {
      const setup = new Setup();
      await setup.enroll();
      setup.restart({ fetch: failing(setup, page(status)) });
      await assert.rejects(setup.device.transactions(), (error) => {
        assert.ok(error instanceof errors.UnexpectedResponse);
        assert.equal(error.status, status);
        return true;
      });
      assert.equal((await setup.device.profiles()).length, 1);
    }
  });

  it("with missing members are rejected", async () => {
    const setup = new Setup();
    await setup.enroll();
    for (const content of [[], null, 1, {}, { transactions: {} }, { transactions: [{ message: "Sign in?" }] }]) {
      setup.restart({ fetch: failing(setup, new Response(JSON.stringify(content))) });
      await assert.rejects(setup.device.transactions(), errors.UnexpectedResponse);
    }
  });

  it("with invalid keys enrol nothing", async () => {
    const offCurve = async ([first, second]: Record<string, unknown>[]) => {
      const key = { ...second, x: first!.x as string };
      return [first, { ...key, kid: await calculateJwkThumbprint(key) }];
    };
    const changes: ((keys: Record<string, unknown>[]) => unknown)[] = [
      offCurve,
      ([first, second]) => [first, second, second],
      ([first]) => [first],
      ([first]) => [first, first],
      ([first, second]) => [first, { ...second, kid: first!.kid }],
      ([first, second]) => [first, { ...second, crv: "P-384" }],
      ([first, second]) => [first, { ...second, x: first!.x }],
      ([first, second]) => [first, { ...second, d: second!.x }],
      ([first, second]) => [first, { ...second, alg: "none" }],
      () => [],
      () => "keys",
    ];
    for (const change of changes) {
      const setup = new Setup();
      const changed: Fetch = async (url, init) => {
        const response = await setup.server.fetch(url, init);
        const members = await response.json();
        members.server_public_keys.keys = await change(members.server_public_keys.keys);
        return new Response(JSON.stringify(members), { status: 201 });
      };
      await assert.rejects(setup.restart({ fetch: changed }).enroll(setup.request()), errors.UnexpectedResponse);
      assert.deepEqual(await setup.device.profiles(), []);
    }
  });
});
