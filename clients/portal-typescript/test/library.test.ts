// Retries, polling and representations, at the fake server.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { inspect } from "node:util";

import * as countersign from "../src/index.ts";
import { FakeServer } from "../src/testing.ts";
import type { Outcome } from "../src/testing.ts";

const CALLBACK = "https://portal.example.com/callback";

function setUp() {
  const login = { method: "push", timeToLive: 60 } as const;
  const server = new FakeServer({ types: { login, "login-sms": "sms", scan: "otp" } });
  const deviceId = server.addDevice("anna");
  const portal = server.client();
  const start = () => portal.startPush({ type: "login", userId: "anna", deviceId, callbackUri: CALLBACK });
  const startSms = () => portal.startSms({ type: "login-sms", userId: "anna", phoneNumber: "+31 6 12345678" });
  return { server, portal, start, startSms };
}

const FAILURES: Record<string, (server: FakeServer) => void> = {
  "connection refused": (server) => { server.disconnectNext(); },
  "lost response": (server) => { server.disconnectNext({ processed: true }); },
  database: (server) => { server.failNext("temporarily_unavailable", { retryAfter: 2 }); },
  "in progress": (server) => { server.failNext("idempotency_in_progress"); },
  "push not stored": (server) => { server.failNext("1002"); },
  limit: (server) => { server.failNext("1429", { retryAfter: 3 }); },
};

for (const [name, fail] of Object.entries(FAILURES)) {
  test(`start is retried with the same key: ${name}`, async () => {
    const { server, start } = setUp();
    fail(server);
    fail(server);
    const startedAt = server.clock.now();
    await start();
    assert.equal(server.portal.transactions.size, 1);
    assert.ok(server.clock.now() - startedAt >= ({ limit: 6000, database: 4000 }[name] ?? 700));
  });
}

test("retries have a limit", async () => {
  const { server, start } = setUp();
  for (let count = 0; count < 6; count += 1) server.failNext("1002");
  await assert.rejects(start(), countersign.PushNotStored);
  await start();
});

test("a long Retry-After is reported and not awaited", async () => {
  const { server, start } = setUp();
  server.failNext("1429", { retryAfter: 3600 });
  await assert.rejects(start(), (error) => error instanceof countersign.LimitReached && error.retryAfter === 3600);
});

test("a verification is not repeated after a lost response", async () => {
  const { server, portal, startSms } = setUp();
  const { transactionId } = await startSms();
  server.disconnectNext();
  server.disconnectNext({ processed: true });
  const code = server.smsCode(transactionId);
  await assert.rejects(portal.verifySms({ userId: "anna", transactionId, code }), countersign.NetworkError);
  assert.equal((await portal.result(transactionId)).isAuthenticated, true);
});

test("cancel succeeds after a lost response", async () => {
  const { server, portal, start } = setUp();
  const cancelled = await start();
  server.disconnectNext({ processed: true });
  await portal.cancel(cancelled.transactionId);
  const approved = await start();
  await server.approve(approved.transactionId);
  server.disconnectNext({ processed: true });
  await assert.rejects(portal.cancel(approved.transactionId), countersign.TransactionNotFound);
});

const OUTCOMES: [Outcome | undefined, countersign.Status][] = [
  ["approve", "authenticated"],
  ["deny", "not_authenticated"],
  ["fail_to_send", "not_authenticated"],
  [undefined, "expired"],
];
for (const [outcome, status] of OUTCOMES) {
  test(`wait returns the planned outcome: ${outcome ?? "none"}`, async () => {
    const { server, portal, start } = setUp();
    if (outcome) server.plan(outcome);
    const result = await portal.wait((await start()).transactionId);
    assert.deepEqual([result.status, result.isAuthenticated], [status, outcome === "approve"]);
  });
}

test("wait polls with backoff until its timeout", async () => {
  const { server, portal, start } = setUp();
  const { transactionId } = await start();
  server.requests.length = 0;
  const startedAt = server.clock.now();
  await assert.rejects(portal.wait(transactionId, { timeoutMs: 30_000 }), countersign.WaitTimeout);
  assert.ok(Math.abs(server.clock.now() - startedAt - 30_000) < 1);
  assert.ok(server.requests.length > 8 && server.requests.length < 20);
});

const MALFORMED = [
  new Response("<html>", { status: 502 }),
  Response.json([]),
  Response.json({ transaction_id: "1" }),
  Response.json({}, { status: 400 }),
  new Response(null, { status: 307, headers: { Location: "https://other.example.com/" } }),
];
for (const [number, response] of MALFORMED.entries()) {
  test(`other responses are reported as unexpected: ${number}`, async () => {
    const { server } = setUp();
    const portal = server.client({ fetch: async () => Promise.resolve(response.clone()), maxRetries: 0 });
    await assert.rejects(portal.result("1"), countersign.UnexpectedResponse);
  });
}

test("only the JSON value true is authenticated", async () => {
  const { server } = setUp();
  const body = { transaction_id: "1", status: "pending", is_authenticated: "false", user_id: "", timestamp: 1 };
  const portal = server.client({ fetch: async () => Promise.resolve(Response.json(body)) });
  await assert.rejects(portal.result("1"), countersign.UnexpectedResponse);
});

test("a silent server causes a network error after the timeout", async () => {
  const { createServer } = await import("node:net");
  const silent = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as { port: number };
  const options = { baseUrl: `http://127.0.0.1:${port}`, clientId: "portal", clientSecret: "secret" };
  const portal = new countersign.Client({ ...options, timeoutMs: 200, maxRetries: 0 });
  try {
    await assert.rejects(portal.result("1"), (error) => error instanceof countersign.NetworkError && error.isSent);
  } finally {
    silent.close();
  }
});

test("requests name the version of the package", async () => {
  const { server } = setUp();
  const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
  const agents: (string | null)[] = [];
  const portal = server.client({
    fetch: async (input, init) => {
      agents.push(new Headers(init?.headers).get("user-agent"));
      return server.fetch(input, init);
    },
  });
  await portal.devices("anna");
  assert.deepEqual(agents, [`countersign-typescript/${version}`]);
});

test("redirects are not followed", async () => {
  const { createServer } = await import("node:http");
  const paths: (string | undefined)[] = [];
  const http = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { Location: "/other" }).end();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  const { port } = http.address() as { port: number };
  const options = { baseUrl: `http://127.0.0.1:${port}`, clientId: "portal", clientSecret: "secret", maxRetries: 0 };
  try {
    await assert.rejects(new countersign.Client(options).result("1"), countersign.UnexpectedResponse);
    assert.deepEqual(paths, ["/oauth/api/v4/authenticate/transaction/1"]);
  } finally {
    http.closeAllConnections();
    http.close();
  }
});

for (const baseUrl of ["countersign.example.com", "https://portal:secret@example.com", "https://x/?a=b"]) {
  test(`invalid baseUrl is rejected: ${baseUrl}`, () => {
    assert.throws(() => new countersign.Client({ baseUrl, clientId: "portal", clientSecret: "secret" }), /baseUrl/);
  });
}

test("ids of dots are rejected", async () => {
  const { portal } = setUp();
  for (const id of ["", ".", ".."]) await assert.rejects(portal.devices(id), TypeError);
});

test("secrets are in no representation", async () => {
  const { server, portal, startSms } = setUp();
  const client = new countersign.Client({ baseUrl: "https://x", clientId: "portal", clientSecret: "hidden-secret" });
  const otp = await portal.startOtp({ type: "scan", callbackUri: CALLBACK });
  const code = await portal.createEnrollmentCode("anna", "demo");
  const { transactionId } = await startSms();
  const attempt = portal.verifySms({ userId: "anna", transactionId, code: "987654x" });
  const wrong = await attempt.catch((error: unknown) => error);
  const objects = [client, portal, otp, code, wrong];
  const shown = inspect(objects, { depth: 9, showHidden: false }) + JSON.stringify(objects);
  for (const secret of ["hidden-secret", "secret-of", "987654x", otp.qrData, code.enrollmentCode]) {
    assert.ok(!shown.includes(secret), secret);
  }
  assert.ok(server.requests.length > 0);
});
