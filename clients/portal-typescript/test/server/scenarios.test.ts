// Scenarios at a running server and at the fake server. The environment describes the server and its phones.

import assert from "node:assert/strict";
import test from "node:test";

import * as countersign from "../../src/index.ts";
import { FakeServer } from "../../src/testing.ts";

interface Site {
  server: string;
  phones: string;
  clientId: string;
  clientSecret: string;
  phoneNumbers: string[];
}

/** Server of a scenario, with what its users do. */
interface Backend {
  client(options?: { eventPageSize: number }): countersign.Client;
  enroll(userId: string): Promise<string>;
  approve(deviceId: string, transactionId: string, number?: string): Promise<unknown>;
  deny(deviceId: string, transactionId: string): Promise<unknown>;
  scan(deviceId: string, otp: string): Promise<unknown>;
  code(deviceId: string, transactionId: string): Promise<string>;
  smsCode(transactionId: string, phoneNumber: string): Promise<string>;
}

const site = JSON.parse(process.env.COUNTERSIGN_TEST_SITE!) as Site;
const CALLBACK = "http://127.0.0.1:9/callback";
// Percent-encoding of paths is part of each scenario.
const USER = "é/x ?#%2F ts";

async function phone(action: string, values: Record<string, unknown>): Promise<unknown> {
  return (await fetch(`${site.phones}/${action}`, { method: "POST", body: JSON.stringify(values) })).json();
}

const real: Backend = {
  client: (options) =>
    new countersign.Client({
      baseUrl: `${site.server}/`,
      clientId: site.clientId,
      clientSecret: site.clientSecret,
      ...options,
    }),
  enroll: async (userId) => String(await phone("enroll", { user_id: userId })),
  approve: async (deviceId, transactionId, number = "") =>
    phone("approve", { device_id: deviceId, transaction_id: transactionId, number }),
  deny: async (deviceId, transactionId) =>
    phone("deny", { device_id: deviceId, transaction_id: transactionId, fraud: true }),
  code: async (deviceId, transactionId) =>
    String(await phone("code", { device_id: deviceId, transaction_id: transactionId })),
  scan: async (deviceId, otp) => phone("scan", { device_id: deviceId, otp }),
  smsCode: async (_transactionId, phoneNumber) => String(await phone("sms_code", { phone_number: phoneNumber })),
};

function fakeBackend(): Backend {
  const server = new FakeServer({
    types: {
      login: { method: "push", maxResends: 1, fallback: "login-sms" },
      "login-again": { method: "push", maxResends: 1, fallback: "login-sms" },
      "login-sms": { method: "sms", maxResends: 1, maxAttempts: 3 },
      match: { method: "push", numberMatchingDigits: 4 },
      scan: "otp",
      terminal: { method: "push", codeToPhone: true },
    },
  });
  const owners = new Map<string, string>();
  return {
    client: (options) => server.client(options),
    enroll: async (userId) => {
      const deviceId = server.addDevice(userId);
      owners.set(deviceId, userId);
      for (const name of ["KEY_ENROLLMENT_SUCCESS", "PUSH_ENROLLMENT_SUCCESS", "PUSH_AUTH_INITIALIZED"]) {
        server.addEvent(name, { user_id: userId });
      }
      return Promise.resolve(deviceId);
    },
    approve: async (_deviceId, transactionId) => server.approve(transactionId),
    deny: async (_deviceId, transactionId) => server.deny(transactionId, { fraud: true }),
    code: async (_deviceId, transactionId) => Promise.resolve(server.phoneCode(transactionId)),
    scan: async (deviceId, otp) => {
      const waiting = [...server.portal.transactions.values()].find((transaction) => transaction.otp === otp)!;
      return server.approve(waiting.transactionId, owners.get(deviceId));
    },
    smsCode: async (transactionId) => Promise.resolve(server.smsCode(transactionId)),
  };
}

async function setUp(backend: Backend, name: string) {
  const portal = backend.client({ eventPageSize: 1 });
  const userId = `${USER} ${name}`;
  const deviceId = await backend.enroll(userId);
  const start = (type: string, options: Partial<countersign.PushOptions> = {}) =>
    portal.startPush({ type, userId, deviceId, callbackUri: CALLBACK, ...options });
  return { portal, userId, deviceId, start };
}

for (const [kind, backend] of [["real", real], ["fake", fakeBackend()]] as const) {
  test(`user approves and denies pushes: ${kind}`, async () => {
    const { portal, userId, deviceId, start } = await setUp(backend, "push");
    const started = await start("login", {
      message: "Sign in?",
      secureMessage: "To the shop",
      languageCode: "en",
      ipAddress: "192.0.2.1",
      userAgent: "Browser",
      signingData: "ignored",
      phoneNumber: "+12025550199",
    });
    assert.deepEqual([started.authMethod, started.timeToLive, started.device?.platform], ["push", 300_000, "android"]);
    await assert.rejects(portal.wait(started.transactionId, { timeoutMs: 0 }), countersign.WaitTimeout);
    await backend.approve(deviceId, started.transactionId);
    const approved = await portal.wait(started.transactionId, { timeoutMs: 10_000 });
    assert.deepEqual([approved.status, approved.isAuthenticated, approved.userId], ["authenticated", true, userId]);
    const names = ["authentication_method", "callback_uri", "is_authenticated", "status", "timestamp"];
    assert.deepEqual(Object.keys(approved.raw).sort(), [...names, "transaction_id", "user_id"]);

    const { transactionId } = await start("login");
    await backend.deny(deviceId, transactionId);
    const denied = await portal.wait(transactionId);
    assert.deepEqual([denied.status, denied.fraudReported], ["not_authenticated", true]);
    assert.equal(denied.notAuthenticatedReason?.reason, "not_accepted");
  });

  test(`number is returned for number matching: ${kind}`, async () => {
    const { portal, deviceId, start } = await setUp(backend, "number");
    const { transactionId, verificationNumber } = await start("match");
    assert.equal(verificationNumber?.length, 4);
    await backend.approve(deviceId, transactionId, verificationNumber);
    assert.equal((await portal.result(transactionId)).isAuthenticated, true);
  });

  test(`push is resent and cancelled: ${kind}`, async () => {
    const { portal, start } = await setUp(backend, "resend");
    const { transactionId } = await start("login");
    await portal.resendPush(transactionId);
    await assert.rejects(portal.resendPush(transactionId), countersign.ResendLimitReached);
    await portal.cancel(transactionId);
    assert.equal((await portal.wait(transactionId)).status, "cancelled");
    await assert.rejects(portal.cancel(transactionId), countersign.TransactionNotFound);
  });

  test(`SMS code is resent and verified once: ${kind}`, async () => {
    const portal = backend.client();
    const phoneNumber = site.phoneNumbers[0]!;
    const started = await portal.startPush({ type: "login", userId: USER, callbackUri: CALLBACK, phoneNumber });
    assert.equal(started.authMethod, "sms");
    const sms = { userId: USER, transactionId: started.transactionId };
    const code = await backend.smsCode(started.transactionId, phoneNumber);
    await portal.resendSms(sms);
    await assert.rejects(portal.verifySms({ ...sms, code: "wrong" }), (error) => {
      assert.ok(error instanceof countersign.InvalidVerificationCode);
      assert.deepEqual([error.code, error.token, error.status], ["3003", "invalid_verification_code", 404]);
      return true;
    });
    await portal.verifySms({ ...sms, code });
    assert.equal((await portal.result(started.transactionId)).isAuthenticated, true);
    await assert.rejects(portal.verifySms({ ...sms, code }), countersign.TransactionNotFound);
  });

  test(`code of the device is verified once: ${kind}`, async () => {
    const { portal, userId, deviceId, start } = await setUp(backend, "code");
    const { authMethod, codeToPhone, transactionId } = await start("terminal");
    assert.deepEqual([authMethod, codeToPhone], ["push", true]);
    const verify = async (code: string) => portal.verifyCode({ userId, transactionId, code });
    await assert.rejects(verify("wrong"), countersign.InvalidVerificationCode);
    const code = await backend.code(deviceId, transactionId);
    await verify(code);
    assert.equal((await portal.result(transactionId)).isAuthenticated, true);
    await assert.rejects(verify(code), countersign.TransactionNotFound);
  });

  test(`one-time password identifies the user: ${kind}`, async () => {
    const { portal, userId, deviceId } = await setUp(backend, "otp");
    const { transactionId, qrData } = await portal.startOtp({ type: "scan", callbackUri: CALLBACK, message: "Hello" });
    await backend.scan(deviceId, qrData);
    assert.equal((await portal.wait(transactionId)).userId, userId);
  });

  test(`devices are listed, disabled and deleted: ${kind}`, async () => {
    const { portal, userId, deviceId } = await setUp(backend, "devices");
    const types = await portal.userTypes(userId);
    const reached = types.filter((item) => item.devices.length > 0).map((item) => item.type);
    assert.deepEqual(reached, ["login", "login-again", "match", "terminal"]);
    assert.ok((await portal.deviceTypes(userId, deviceId)).includes("login"));
    const device = async () => (await portal.devices(userId))[0]!;
    assert.deepEqual([(await device()).id, (await device()).pushAuthenticationEnabled], [deviceId, true]);
    await portal.disableFingerprint(userId, deviceId);
    await portal.disablePushAuthentication(userId, deviceId);
    assert.equal((await device()).pushAuthenticationEnabled, false);
    await portal.disableMobileAuthentication(userId, deviceId);
    assert.equal((await device()).mobileAuthenticationEnabled, false);
    await portal.deleteDevice(userId, deviceId);
    assert.deepEqual(await portal.devices(userId), []);
    const ids = [await backend.enroll(userId), await backend.enroll(userId)] as const;
    await portal.deleteDevices(userId, [ids[0], "unknown"]);
    assert.deepEqual((await portal.devices(userId)).map((item) => item.id), [ids[1]]);
    await portal.deleteAllDevices(userId);
    assert.deepEqual(await portal.devices(userId), []);
  });

  test(`enrolment code has a link: ${kind}`, async () => {
    const portal = backend.client();
    const code = await portal.createEnrollmentCode(USER, "demo");
    assert.ok(code.enrollmentUri.includes(code.enrollmentCode));
    await assert.rejects(portal.createEnrollmentCode(USER, "unknown"), countersign.NotFound);
  });

  test(`events are read over all pages: ${kind}`, async () => {
    const { portal, userId, start } = await setUp(backend, "events");
    await start("login");
    const found = new Map<string, string>();
    let count = 0;
    for await (const event of portal.events({ userId, excludeEventType: ["PUSH_AUTH_INITIALIZED"] })) {
      found.set(event.eventIdentifier, event.eventType);
      count += 1;
    }
    assert.equal(found.size, count);
    const types = [...found.values()];
    assert.ok(types.includes("KEY_ENROLLMENT_SUCCESS") && types.includes("PUSH_ENROLLMENT_SUCCESS"));
    const page = await portal.eventsPage({ userId, size: 2, eventType: ["KEY_ENROLLMENT_SUCCESS"] });
    assert.equal(page.totalElements, 1);
  });

  test(`errors have classes with number and token: ${kind}`, async () => {
    const portal = backend.client();
    const rejected: [countersign.StartOptions, string][] = [
      [{ type: "unknown" }, "3005"],
      [{ type: "scan", callbackUri: "no URL" }, "1003"],
      [{ type: "scan", callbackUri: CALLBACK, message: "x".repeat(156) }, "1005"],
      [{ type: "match", userId: "unknown", callbackUri: CALLBACK }, "1001"],
      [{ type: "login-sms", userId: "unknown", phoneNumber: "12" }, "3001"],
    ];
    for (const [options, code] of rejected) {
      await assert.rejects(portal.start(options), (error) => {
        assert.ok(error instanceof countersign.ApiError && error.constructor !== countersign.ApiError);
        assert.equal(error.code, code);
        return true;
      });
    }
  });

  test(`repeated start returns the same transaction: ${kind}`, async () => {
    const { start } = await setUp(backend, "idempotency");
    const idempotencyKey = `key of ${kind}`;
    assert.deepEqual(await start("login", { idempotencyKey }), await start("login", { idempotencyKey }));
    await assert.rejects(start("login", { idempotencyKey, message: "other" }), countersign.IdempotencyKeyReused);
  });
}
