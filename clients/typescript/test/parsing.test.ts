/** Enrolment links and payloads of pushes. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseEnrollmentLink, parsePush } from "../src/index.ts";

const QUERY = "server=https%3A%2F%2Fauth.example.com%2F&application_id=my+shop&code=9f6c";
const LINK = { server: "https://auth.example.com", applicationId: "my shop", code: "9f6c" };

describe("enrolment links", () => {
  for (const link of [
    `countersign://enroll?${QUERY}`,
    `countersign://enroll/?${QUERY}&later=1`,
    ` https://auth.example.com/phone/#${QUERY}\n`,
  ]) {
    it(`are parsed: ${link.trim().slice(0, 40)}`, () => {
      assert.deepEqual(parseEnrollmentLink(link), LINK);
    });
  }

  for (const link of [
    "",
    QUERY,
    `countersign://other?${QUERY}`,
    `javascript:alert(1)#${QUERY}`,
    `https://auth.example.com/phone/?${QUERY}`,
    "countersign://enroll?server=https://auth.example.com&application_id=shop",
    "countersign://enroll?server=https://auth.example.com&application_id=&code=9f6c",
    "countersign://enroll?server=http://auth.example.com&application_id=shop&code=9f6c",
    "countersign://enroll?server=http://127.0.0.1.example.com&application_id=shop&code=9f6c",
    "countersign://enroll?server=https://user@auth.example.com&application_id=shop&code=9f6c",
    "countersign://enroll?server=https://auth.example.com/?a=b&application_id=shop&code=9f6c",
    "countersign://enroll?server=%ZZ&application_id=shop&code=9f6c",
  ]) {
    it(`are rejected: ${link}`, () => {
      assert.equal(parseEnrollmentLink(link), undefined);
    });
  }

  it("allow HTTP on the loopback, or on request", () => {
    const link = (server: string) => `countersign://enroll?server=${server}&application_id=shop&code=9f6c`;
    assert.equal(parseEnrollmentLink(link("http://127.0.0.1:8000"))!.server, "http://127.0.0.1:8000");
    assert.equal(parseEnrollmentLink(link("http://10.0.0.1:8000")), undefined);
    assert.ok(parseEnrollmentLink(link("http://10.0.0.1:8000"), { allowHttp: true }));
  });
});

describe("pushes", () => {
  const members = { og_transaction_id: "1a5c6d6e", og_profile_id: "A1B2C3" };
  const withMessage = { ...members, og_message: "Sign in?" };
  const push = { transactionId: "1a5c6d6e", profileId: "A1B2C3", message: "Sign in?" };
  const rows: [string, unknown][] = [
    ["APNs", { aps: { alert: "Sign in?", badge: 1 }, ...members }],
    ["APNs with a body", { aps: { alert: { title: "Shop", body: "Sign in?" } }, ...members }],
    ["FCM", { data: { content: JSON.stringify(withMessage) }, notification: { title: "Shop" } }],
    ["FCM without its envelope", { content: JSON.stringify(withMessage) }],
    ["Web Push as text", JSON.stringify(withMessage)],
    ["Web Push as an object", withMessage],
    ["a plugin with data", { id: "1", data: { aps: { alert: "Sign in?" }, ...withMessage } }],
  ];
  for (const [name, payload] of rows) {
    it(`are parsed: ${name}`, () => {
      assert.deepEqual(parsePush(payload), push);
    });
  }

  it("can lack the message", () => {
    assert.deepEqual(parsePush(members), { ...push, message: "" });
  });

  it("of others are ignored", () => {
    const others = [undefined, null, "", "hello", [], {}, { data: 1 }, { content: "{" }, { og_transaction_id: 1 }];
    for (const payload of others) assert.equal(parsePush(payload), undefined);
  });
});
