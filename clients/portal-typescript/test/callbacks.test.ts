// Callbacks: signatures, credentials and the handlers of frameworks.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";

import express from "express";

import { CallbackHandler, CallbackVerifier, InvalidCallback, fetchCallback, nodeCallback } from "../src/index.ts";
import type { NodeRequest, NodeResponse, TransactionResult } from "../src/index.ts";
import { FakeServer } from "../src/testing.ts";
import type { CallbackRequest } from "../src/testing.ts";

const OTHER_SECRET = "whsec_kvA5Lq8HIqxsTvVvQ2vXq8Yl1vQ0m2Zr";

async function setUp() {
  const server = new FakeServer({ types: { login: "push" } });
  const deviceId = server.addDevice("anna");
  const portal = server.client();
  const verifier = new CallbackVerifier({
    signingSecrets: [OTHER_SECRET, server.signingSecret],
    credentials: server.callbackCredentials,
  });
  const results: TransactionResult[] = [];
  const handler = new CallbackHandler(portal, verifier, (result) => results.push(result));
  const callbackUri = "https://portal.example.com/callback";
  const { transactionId } = await portal.startPush({ type: "login", userId: "anna", deviceId, callbackUri });
  return { server, handler, results, transactionId };
}

test("callback is verified and its result read", async () => {
  const { server, handler, results, transactionId } = await setUp();
  const { headers, body } = await server.approve(transactionId);
  assert.equal((await handler.handle(new Headers(headers), body)).status, 204);
  assert.deepEqual(results.map((result) => result.isAuthenticated), [true]);
});

const CHANGES: Record<string, (request: CallbackRequest) => { headers?: Record<string, string>; body?: string }> = {
  body: (request) => ({ body: `${request.body} ` }),
  signature: () => ({ headers: { "webhook-signature": "v1,AAAA v2,AAAA = v1,%" } }),
  "no signature": () => ({ headers: { "webhook-signature": "" } }),
  id: () => ({ headers: { "webhook-id": "other" } }),
  timestamp: () => ({ headers: { "webhook-timestamp": "1e3" } }),
  password: () => ({ headers: { authorization: "Basic YTpi" } }),
  "no credentials": () => ({ headers: { authorization: "" } }),
};
for (const [name, change] of Object.entries(CHANGES)) {
  test(`changed callback is rejected: ${name}`, async () => {
    const { server, handler, results, transactionId } = await setUp();
    const request = await server.approve(transactionId);
    const { headers, body } = change(request);
    const response = await handler.handle({ ...request.headers, ...headers }, body ?? request.body);
    assert.deepEqual([response.status, results], [401, []]);
  });
}

for (const seconds of [-302, 302]) {
  test(`callback far from the current time is rejected: ${seconds}`, async () => {
    const { server, transactionId } = await setUp();
    const { headers, body } = await server.approve(transactionId);
    const now = () => Date.now() + seconds * 1000;
    const verifier = new CallbackVerifier({ signingSecrets: [server.signingSecret], now });
    await assert.rejects(verifier.verify(headers, body), /webhook-timestamp/);
  });
}

for (const [name, status] of [["3004", 404], ["internal_error", 503], ["invalid_client", 503]] as const) {
  test(`callback is retried if the result cannot be read: ${name}`, async () => {
    const { server, handler, results, transactionId } = await setUp();
    const { headers, body } = await server.approve(transactionId);
    server.failNext(name);
    assert.deepEqual([(await handler.handle(headers, body)).status, results], [status, []]);
  });
}

test("callback of a pending transaction is not passed on", async () => {
  const { server, handler, results, transactionId } = await setUp();
  const { headers, body } = await server.callback(transactionId);
  assert.deepEqual([(await handler.handle(headers, body)).status, results], [503, []]);
});

test("body that is no callback is rejected", async () => {
  const { server } = await setUp();
  const verifier = new CallbackVerifier({ credentials: server.callbackCredentials });
  const pair = `${server.callbackCredentials.username}:${server.callbackCredentials.password}`;
  for (const body of ["", "[]", '{"transaction_id": 1, "callback_uri": ""}']) {
    const verified = verifier.verify({ Authorization: `basic ${btoa(pair)}` }, body);
    await assert.rejects(verified, (error) => error instanceof InvalidCallback && error.status === 400);
  }
});

test("verifier requires secrets or credentials", () => {
  assert.throws(() => new CallbackVerifier({}), /required/);
  assert.throws(() => new CallbackVerifier({ signingSecrets: ["whsec_c2hvcnQ="] }), /24 to 64 bytes/);
});

test("fetch handler responds to requests", async () => {
  const { server, handler, results, transactionId } = await setUp();
  const { url, headers, body } = await server.approve(transactionId);
  const respond = fetchCallback(handler);
  const statuses = [
    await respond(new Request(url, { method: "POST", headers, body })),
    await respond(new Request(url, { method: "POST", body })),
    await respond(new Request(url, { method: "POST", headers, body: "x".repeat(100_000) })),
    await respond(new Request(url)),
  ].map((response) => response.status);
  assert.deepEqual([statuses, results.length], [[204, 401, 413, 405], 1]);
});

type Listener = (request: NodeRequest & import("node:http").IncomingMessage, response: NodeResponse) => unknown;

async function withServer(listener: Listener | express.Express, run: (url: string) => Promise<void>) {
  const http = createServer(listener as Parameters<typeof createServer>[1]).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  try {
    await run(`http://127.0.0.1:${(http.address() as AddressInfo).port}/callback`);
  } finally {
    http.closeAllConnections();
    http.close();
  }
}

test("node handler responds to requests, also in Express", async () => {
  const { server, handler, results, transactionId } = await setUp();
  const { headers, body } = await server.approve(transactionId);
  const app = express().disable("x-powered-by").use("/callback", nodeCallback(handler));
  const raw = express().use("/callback", express.raw({ type: "*/*" }), nodeCallback(handler));
  for (const listener of [nodeCallback(handler), app, raw]) {
    await withServer(listener, async (url) => {
      assert.equal((await fetch(url, { method: "POST", headers, body })).status, 204);
      assert.equal((await fetch(url, { method: "POST", body })).status, 401);
      assert.equal((await fetch(url, { method: "POST", headers, body: "x".repeat(1_000_000) })).status, 413);
      assert.equal((await fetch(url)).status, 405);
    });
  }
  assert.equal(results.length, 3);
});

test("express reports a body that is already parsed", async () => {
  const { server, handler, results, transactionId } = await setUp();
  const { headers, body } = await server.approve(transactionId);
  const app = express().use(express.json()).use("/callback", nodeCallback(handler));
  const messages: string[] = [];
  app.use(((error: Error, _request, response, next) => {
    messages.push(error.message);
    if (response.headersSent) next(error);
    else response.status(500).end();
  }) satisfies express.ErrorRequestHandler);
  await withServer(app, async (url) => {
    assert.equal((await fetch(url, { method: "POST", headers, body })).status, 500);
  });
  assert.match(messages.join(), /before express.json/);
  assert.equal(results.length, 0);
});
