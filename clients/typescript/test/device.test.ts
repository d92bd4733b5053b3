/** Calls of a device at a fake server. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as errors from "../src/errors.ts";
import type { Fetch } from "../src/index.ts";
import { Setup } from "./setup.ts";

const approved = { status: "authenticated" };

describe("enrolment", () => {
  it("stores the profile and the device token", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    assert.deepEqual(await setup.restart().profiles(), [profile]);
    assert.deepEqual(profile, {
      profileId: setup.server.profile().id,
      applicationId: "demo",
      pin: "none",
      authenticators: [],
      pushEnrolled: false,
    });
    assert.equal(await setup.device.deviceId(), setup.server.profile().device);
  });

  it("adds users to the same device, with their own keys", async () => {
    const setup = new Setup();
    await setup.enroll("anna");
    await setup.enroll("bert");
    assert.equal(setup.server.devices.size, 1);
    assert.equal(setup.keyStore.keys.size, 2);
    assert.equal((await setup.device.profiles()).length, 2);
  });

  it("replaces the keys and authenticators of an enrolled user", async () => {
    const setup = new Setup();
    const first = await setup.enrollWithPin();
    await setup.device.registerFingerprint(first.profileId, { pin: "12345" });
    const [oldKey] = setup.keyStore.keys.keys();
    const second = await setup.enroll();
    assert.equal(second.profileId, first.profileId);
    assert.deepEqual((await setup.device.profiles()).map(({ pin, authenticators }) => [pin, authenticators]), [
      ["none", []],
    ]);
    assert.equal(setup.keyStore.keys.size, 1);
    assert.ok(!setup.keyStore.keys.has(oldKey!));
    assert.ok(!setup.stored().includes(oldKey!), "the token of the fingerprint is deleted");
  });

  it("enrols as a new device if the device token is unknown", async () => {
    const setup = new Setup();
    await setup.enroll("anna");
    setup.server.profiles.clear();
    await setup.enroll("bert");
    assert.deepEqual((await setup.device.profiles()).length, 1);
    assert.equal(setup.keyStore.keys.size, 1);
  });

  it("deletes the new keys after an error", async () => {
    const setup = new Setup();
    await assert.rejects(setup.device.enroll(setup.request("unknown")), errors.InvalidEnrollmentCode);
    assert.equal(setup.keyStore.keys.size, 0);
    assert.deepEqual(await setup.device.resume(), []);
  });

  it("removes a user", async () => {
    const setup = new Setup();
    const anna = await setup.enroll("anna");
    await setup.enroll("bert");
    await setup.device.unenroll(anna.profileId);
    assert.equal(setup.server.profiles.size, 1);
    assert.equal(setup.keyStore.keys.size, 1);
    await assert.rejects(setup.device.unenroll(anna.profileId), errors.NotRegistered);
  });

  it("returns the state of the profiles, and deletes those that the server has removed", async () => {
    const setup = new Setup();
    const anna = await setup.enrollWithPin();
    const bert = await setup.enroll("bert");
    setup.server.profile("bert").keys = [];
    const { profiles, removed } = await setup.device.enrollments();
    assert.deepEqual(removed, [bert.profileId]);
    assert.deepEqual(profiles.map(({ profileId, maxPinAttempts }) => [profileId, maxPinAttempts]), [
      [anna.profileId, 3],
    ]);
    assert.deepEqual(profiles[0]!.authenticators, [
      { type: "pin", allowed: true, registered: true },
      { type: "fingerprint", allowed: true, registered: false },
      { type: "custom", id: "face", allowed: true, registered: false },
    ]);
    assert.equal((await setup.device.profiles()).length, 1);
  });

  it("deletes the authenticators that the server does not have", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profileId, { pin: "12345" });
    delete setup.server.profile().pin;
    setup.server.profile().tokens.clear();
    await setup.device.enrollments();
    const [profile] = await setup.device.profiles();
    assert.deepEqual([profile!.pin, profile!.authenticators], ["none", []]);
    assert.equal(setup.storage.values.get("countersign:tokens"), "{}");
  });

  it("does not overwrite the state of a later version", async () => {
    const setup = new Setup();
    await setup.enroll();
    const key = "countersign:device:https://auth.example.com";
    const later = setup.storage.values.get(key)!.replace('"format":1', '"format":2');
    setup.storage.values.set(key, later);
    await assert.rejects(setup.restart().enroll(setup.request()), /unknown format/);
    assert.equal(setup.storage.values.get(key), later);
  });

  it("recovers from lost keys with a new enrolment", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    const { challenge, transaction } = await setup.challenge(profile);
    setup.keyStore.keys.clear();
    await assert.rejects(setup.device.fetch({ ...profile, transactionId: transaction.id }), errors.KeysLost);
    await assert.rejects(setup.device.approve(challenge), errors.KeysLost);
    await assert.rejects(setup.device.registerFingerprint(profile.profileId, { pin: "12345" }), errors.KeysLost);
    await setup.enroll();
    const again = await setup.device.fetch({ ...profile, transactionId: transaction.id });
    assert.equal(await setup.device.approve(again), "authenticated");
  });

  it("requires HTTPS, except on the loopback", () => {
    assert.throws(() => new Setup({ server: "http://auth.example.com" }), errors.DeviceError);
    new Setup({ server: "http://127.0.0.1:8000" });
    new Setup({ server: "http://auth.example.com", allowHttp: true });
  });
});

describe("push token", () => {
  it("is sent for each profile once", async () => {
    const setup = new Setup();
    await setup.enroll("anna");
    await setup.device.setPushToken("first");
    await setup.enroll("bert");
    await setup.device.setPushToken("first");
    const sent = setup.server.log.filter(({ path }) => path.endsWith("/push"));
    assert.equal(sent.length, 2);
    assert.deepEqual([...setup.server.profiles.values()].map(({ pushToken }) => pushToken), ["first", "first"]);
  });

  it("is replaced for all profiles in one request", async () => {
    const setup = new Setup();
    await setup.enroll("anna");
    await setup.enroll("bert");
    await setup.device.setPushToken("first");
    setup.server.log.length = 0;
    await setup.device.setPushToken("second");
    assert.deepEqual(setup.server.log.map(({ path }) => path), ["/device/v1/push-token"]);
    assert.deepEqual([...setup.server.profiles.values()].map(({ pushToken }) => pushToken), ["second", "second"]);
  });

  it("is enrolled again if the server has removed the old one", async () => {
    const setup = new Setup();
    await setup.enroll();
    await setup.device.setPushToken("first");
    delete setup.server.profile().pushToken;
    await setup.device.setPushToken("second");
    assert.equal(setup.server.profile().pushToken, "second");
  });

  it("is sent again if the server reports that it has none", async () => {
    const setup = new Setup();
    await setup.enroll();
    await setup.device.setPushToken("first");
    delete setup.server.profile().pushToken;
    await setup.device.enrollments();
    await setup.device.setPushToken("first");
    assert.equal(setup.server.profile().pushToken, "first");
  });
});

describe("transactions", () => {
  it("are listed, fetched, approved and denied", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    const first = setup.server.start(profile.profileId);
    const second = setup.server.start(profile.profileId);
    const pending = await setup.device.transactions();
    assert.deepEqual(pending.map(({ transactionId }) => transactionId), [first.id, second.id]);
    assert.equal(await setup.device.approve(await setup.device.fetch(pending[0]!)), "authenticated");
    assert.equal(await setup.device.deny(await setup.device.fetch(pending[1]!)), "not_authenticated");
    assert.deepEqual(await setup.device.transactions(), []);
    assert.equal(second.fraud, false);
  });

  it("are reported as fraud", async () => {
    const setup = new Setup();
    const { transaction, challenge } = await setup.challenge(await setup.enroll());
    await setup.device.deny(challenge, { fraud: true });
    assert.equal(transaction.fraud, true);
  });

  it("are approved with a number and a signature", async () => {
    const setup = new Setup();
    const members = { number: "07", signing_data: "Pay € 38.50" };
    const { challenge } = await setup.challenge(await setup.enroll(), members);
    assert.deepEqual([challenge.numberMatchingDigits, challenge.signingData], [2, "Pay € 38.50"]);
    assert.equal(await setup.device.approve(challenge, { number: "07" }), "authenticated");
  });

  it("are not approved without a number, nor with a code for the portal", async () => {
    const setup = new Setup();
    const { challenge } = await setup.challenge(await setup.enroll(), { number: "07" });
    for (const number of [undefined, "", "7", "007", "٠٧"]) {
      const approval = number === undefined ? {} : { number };
      await assert.rejects(setup.device.approve(challenge, approval), errors.InvalidApproval);
    }
    const withCode = { ...challenge, code: "012345" };
    await assert.rejects(setup.device.approve(withCode, { number: "07" }), errors.InvalidApproval);
    assert.equal(await setup.device.approve(challenge, { number: "07" }), "authenticated");
  });

  it("end with a wrong number", async () => {
    const setup = new Setup();
    const { challenge } = await setup.challenge(await setup.enroll(), { number: "07" });
    assert.equal(await setup.device.approve(challenge, { number: "70" }), "not_authenticated");
    await assert.rejects(setup.device.approve(challenge, { number: "07" }), errors.InvalidTransaction);
  });

  it("are claimed with a one-time password", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    const { scanned } = setup.server.startOtp();
    const challenge = await setup.device.claimOtp(profile.profileId, scanned);
    assert.equal(challenge.profileId, profile.profileId);
    assert.equal(await setup.device.approve(challenge), "authenticated");
    await assert.rejects(setup.device.claimOtp(profile.profileId, "unknown"), errors.InvalidOtp);
  });

  it("are those of the one-time password", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    const [first, second] = [setup.server.startOtp(), setup.server.startOtp()];
    [first.transaction.otp, second.transaction.otp] = [second.scanned, first.scanned];
    await assert.rejects(setup.device.claimOtp(profile.profileId, first.scanned), errors.InvalidServerMessage);
  });
});

describe("authenticators", () => {
  it("approve with the PIN, which can be replaced", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin("12345");
    await setup.device.registerPin(profile.profileId, "67890", { currentPin: "12345" });
    const { challenge } = await setup.challenge(profile, { method: "push_with_pin" });
    assert.equal(await setup.device.approve(challenge, { pin: "67890" }), "authenticated");
    assert.ok(!setup.stored().includes(setup.server.profile().pin!), "the token is not stored");
  });

  it("count wrong PINs, and delete the profile after the last one", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    const { challenge } = await setup.challenge(profile, { method: "push_with_pin" });
    await assert.rejects(setup.device.approve(challenge, { pin: "1" }), (error) => {
      assert.ok(error instanceof errors.InvalidPin);
      assert.deepEqual(
        [error.status, error.error, error.usedAttempts, error.maxAttempts, error.attemptsLeft],
        [403, "invalid_pin", 1, 3, 2],
      );
      return true;
    });
    await assert.rejects(setup.device.registerFingerprint(profile.profileId, { pin: "2" }), errors.InvalidPin);
    await assert.rejects(setup.device.approve(challenge, { pin: "3" }), errors.Disconnected);
    assert.deepEqual(await setup.device.profiles(), []);
    assert.equal(setup.keyStore.keys.size, 0);
  });

  it("keep the PIN if a replacement is rejected", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enrollWithPin();
    const replacement = setup.device.registerPin(profileId, "67890", { currentPin: "1" });
    await assert.rejects(replacement, errors.InvalidPin);
    assert.equal((await setup.device.profiles())[0]!.pin, "registered");
    await setup.device.registerFingerprint(profileId, { pin: "12345" });
  });

  it("delete the profile after the last wrong PIN in a registration", async () => {
    const setup = new Setup();
    setup.server.maxPinAttempts = 1;
    const profile = await setup.enrollWithPin();
    const registration = setup.device.registerPin(profile.profileId, "67890", { currentPin: "1" });
    await assert.rejects(registration, errors.Disconnected);
    assert.deepEqual(await setup.device.profiles(), []);
  });

  it("approve with a fingerprint and a custom authenticator", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profile.profileId, { pin: "12345" });
    await setup.device.registerCustom(profile.profileId, "face", { pin: "12345" });
    const [stored] = await setup.restart().profiles();
    assert.deepEqual(stored!.authenticators, [{ type: "fingerprint" }, { type: "custom", id: "face" }]);
    const first = await setup.challenge(profile, { method: "push_with_fingerprint" });
    assert.equal(await setup.device.approve(first.challenge, { fingerprint: true }), approved.status);
    const second = await setup.challenge(profile, { method: "push_with_custom_authenticator" });
    assert.equal(await setup.device.approve(second.challenge, { custom: "face" }), approved.status);
    assert.deepEqual(setup.unlocked, ["fingerprint", "custom:face"]);
  });

  it("delete a revoked token and accept the PIN then", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profile.profileId, { pin: "12345" });
    setup.server.profile().tokens.set("fingerprint", "another");
    const { challenge } = await setup.challenge(profile, { method: "push_with_fingerprint" });
    await assert.rejects(setup.device.approve(challenge, { fingerprint: true }), errors.AuthenticatorRevoked);
    await assert.rejects(setup.device.approve(challenge, { fingerprint: true }), errors.NotRegistered);
    assert.equal(await setup.device.approve(challenge, { pin: "12345" }), "authenticated");
    assert.deepEqual(JSON.parse(setup.storage.values.get("countersign:tokens")!), {});
  });

  it("send nothing if the user fails to unlock", async () => {
    const setup = new Setup();
    const profile = await setup.enrollWithPin();
    await setup.device.registerFingerprint(profile.profileId, { pin: "12345" });
    const { challenge } = await setup.challenge(profile, { method: "push_with_fingerprint" });
    const { CallbackTokenStore } = await import("../src/index.ts");
    const cancelled = new CallbackTokenStore(setup.storage, () => Promise.reject(new Error("cancelled")));
    const device = setup.restart({ tokenStore: cancelled });
    setup.server.log.length = 0;
    await assert.rejects(device.approve(challenge, { fingerprint: true }), /cancelled/);
    assert.deepEqual(setup.server.log, []);
    assert.deepEqual(await device.resume(), []);
  });
});

/** Delay the response to the first request. Return the `fetch`, and a function that lets the response arrive. */
function delayed(setup: Setup) {
  let arrive: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  let requests = 0;
  const fetch: Fetch = async (url, init) => {
    requests += 1;
    const isFirst = requests === 1;
    const response = await setup.server.fetch(url, init);
    if (isFirst) await arrived;
    return response;
  };
  return { fetch, arrive };
}

describe("revocation", () => {
  it("of an old device token keeps the data of a new enrolment", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.server.profiles.clear();
    const { fetch, arrive } = delayed(setup);
    const late = setup.restart({ fetch }).transactions();
    const rejected = assert.rejects(late, errors.InvalidDeviceToken);
    const profile = await setup.enroll();
    arrive();
    await rejected;
    assert.deepEqual(await setup.device.profiles(), [profile]);
  });

  it("of old keys keeps the data of a new enrolment", async () => {
    const setup = new Setup();
    const { profileId } = await setup.enroll();
    const { id } = setup.server.start(profileId);
    setup.server.profile().keys = [];
    const { fetch, arrive } = delayed(setup);
    const late = setup.restart({ fetch }).fetch({ transactionId: id, profileId });
    const rejected = assert.rejects(late, errors.InvalidProfile);
    const profile = await setup.enroll();
    arrive();
    await rejected;
    assert.deepEqual(await setup.device.profiles(), [profile]);
  });

  it("of the device token deletes all data", async () => {
    const setup = new Setup();
    await setup.enroll();
    setup.server.profiles.clear();
    await assert.rejects(setup.device.transactions(), errors.InvalidDeviceToken);
    assert.deepEqual(await setup.device.profiles(), []);
    assert.equal(await setup.device.deviceId(), undefined);
    assert.equal(setup.keyStore.keys.size, 0);
    await assert.rejects(setup.device.transactions(), errors.NotRegistered);
  });

  it("of a profile deletes its data and keeps the device token", async () => {
    const setup = new Setup();
    const profile = await setup.enroll();
    const transaction = setup.server.start(profile.profileId);
    setup.server.profile().keys = [];
    const reference = { transactionId: transaction.id, profileId: profile.profileId };
    await assert.rejects(setup.device.fetch(reference), errors.InvalidProfile);
    assert.deepEqual(await setup.device.profiles(), []);
    const again = await setup.enroll();
    assert.equal(again.profileId, profile.profileId);
  });
});
