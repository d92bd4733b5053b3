/** Fake of the device API in memory, as docs/device-protocol.md describes it. It seals and opens with jose only. */

import * as jose from "jose";
import { randomUUID } from "node:crypto";
import { openSealed, Refusal, seal, type Json, type ServerKeys } from "./fake-messages.ts";

interface Profile {
  id: string;
  device: string;
  user: string;
  application: string;
  keys: Json[];
  pin?: string;
  tokens: Map<string, string>;
  usedAttempts: number;
  pushToken?: string;
}

export interface Transaction {
  id: string;
  profile: string;
  status: "pending" | "authenticated" | "not_authenticated";
  challenge: Json;
  number?: string;
  /** Code that the device gets in exchange for a credential. */
  code?: string;
  otp?: string;
  fraud?: boolean;
  /** Verified answers with their responses. */
  answers: Map<string, { status: number; body: Json }>;
}

type Verify = (profile: Profile, transaction: Transaction, message: string) => Promise<Json>;

export interface Logged {
  method: string;
  path: string;
  token: string | null;
  body: string;
}

const randomToken = (): string => jose.base64url.encode(crypto.getRandomValues(new Uint8Array(32)));

export class FakeServer {
  /** Server's time in ms. */
  time = Date.UTC(2026, 10, 28, 12);
  maxPinAttempts = 3;
  readonly codes = new Map<string, { user: string; application: string; expires: number }>();
  readonly devices = new Map<string, string>();
  readonly profiles = new Map<string, Profile>();
  readonly transactions = new Map<string, Transaction>();
  readonly nonces = new Set<string>();
  readonly log: Logged[] = [];
  #keys: ServerKeys | undefined;

  async keys(): Promise<ServerKeys> {
    this.#keys ??= {
      signing: await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]),
      encryption: await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]),
    };
    return this.#keys;
  }

  // What a portal does

  createCode(user = "anna", application = "demo"): string {
    const code = randomToken();
    this.codes.set(code, { user, application, expires: this.time + 600_000 });
    return code;
  }

  start(profile: string, members: Json = {}): Transaction {
    const { method = "push", signing_data, number, code, time_to_live = 300 } = members;
    const id = randomUUID();
    const challenge = {
      transaction_id: id,
      message: "Sign in?",
      timestamp: this.time,
      time_to_live,
      token: randomToken(),
      type: {
        name: method, method, transaction_signing: signing_data !== undefined,
        ...(code === undefined ? {} : { code_to_phone: true }),
      },
      ...(code === undefined || method !== "push" ? {} : { code }),
      ...(signing_data === undefined ? {} : { signing_data }),
      ...(number === undefined ? {} : { number_matching_digits: number.length }),
    };
    const transaction: Transaction = { id, profile, status: "pending", challenge, answers: new Map() };
    if (number !== undefined) transaction.number = number;
    if (code !== undefined) transaction.code = code;
    this.transactions.set(id, transaction);
    return transaction;
  }

  /** Start a transaction with a one-time password, and return the content of its QR code. */
  startOtp(): { transaction: Transaction; scanned: string } {
    const transaction = this.start("", { method: "otp" });
    const content = JSON.stringify({ transaction_id: transaction.id, otp: randomToken() });
    transaction.otp = Buffer.from(content).toString("base64");
    return { transaction, scanned: transaction.otp };
  }

  profile(user = "anna"): Profile {
    return [...this.profiles.values()].find((profile) => profile.user === user)!;
  }

  // Transport

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const path = new URL(url).pathname;
    const request = new Request(url, init);
    const token = request.headers.get("Authorization")?.replace("Bearer ", "") ?? null;
    const body = typeof init.body === "string" ? init.body : "";
    this.log.push({ method: request.method, path, token, body });
    const [status, content] = await this.#respond(request.method, path, token, body);
    const headers = { Date: new Date(this.time).toUTCString(), "Content-Type": "application/json" };
    return new Response(status === 204 ? null : JSON.stringify(content), { status, headers });
  };

  async #respond(method: string, path: string, token: string | null, body: string): Promise<[number, Json]> {
    try {
      return await this.#route(method, path, token, body === "" ? {} : (JSON.parse(body) as Json));
    } catch (error) {
      if (error instanceof Refusal) return [error.status, error.body];
      throw error;
    }
  }

  async #route(method: string, path: string, token: string | null, body: Json): Promise<[number, Json]> {
    const parts = path.replace("/device/v1/", "").split("/");
    if (method === "POST" && path.endsWith("/enrollments")) return this.#enroll(token, body);
    const device = [...this.devices].find(([, each]) => each === token)?.[0];
    if (device === undefined || !this.#profiles(device).length) throw new Refusal(401, "invalid_device_token");
    const [collection, id = "", action = ""] = parts;
    switch (`${method} ${collection!} ${action}`) {
      case "GET enrollments ":
        return [200, { profiles: this.#enrolled(device).map((profile) => this.#status(profile)) }];
      case "DELETE enrollments ":
        this.profiles.delete(this.#find(device, id).id);
        return [204, {}];
      case "PUT enrollments push":
        this.#find(device, id).pushToken = body.push_token;
        return [204, {}];
      case "PUT push-token ":
        return this.#replacePushToken(device, body);
      case "POST enrollments authenticators":
        return this.#register(this.#find(device, id), body.message);
      case "GET transactions ":
        return [200, { transactions: this.#pending(device) }];
      case "POST transactions fetch":
        return this.#fetch(this.#find(device, body.profile_id), id);
      case "POST otp ":
        return this.#claim(this.#find(device, body.profile_id), body.otp);
      case "POST transactions answer":
        return this.#answer(device, id, body.message, (...verified) => this.#verify(...verified));
      case "POST transactions code":
        return this.#answer(device, id, body.message, (...verified) => this.#code(...verified));
      default:
        throw new Refusal(404, "not_found");
    }
  }

  #profiles(device: string): Profile[] {
    return [...this.profiles.values()].filter((profile) => profile.device === device);
  }

  #enrolled(device: string): Profile[] {
    return this.#profiles(device).filter(({ keys }) => keys.length);
  }

  #find(device: string, id: string): Profile {
    const profile = this.#profiles(device).find((each) => each.id === id);
    if (!profile?.keys.length) throw new Refusal(404, "invalid_profile");
    return profile;
  }

  async #enroll(token: string | null, body: Json): Promise<[number, Json]> {
    if (token !== null && ![...this.devices].some(([id, each]) => each === token && this.#profiles(id).length)) {
      throw new Refusal(401, "invalid_device_token");
    }
    const code = this.codes.get(body.enrollment_code);
    if (code === undefined || code.expires < this.time) throw new Refusal(404, "invalid_enrollment_code");
    const keys = body.public_keys.keys as Json[];
    const uses = keys.map(({ use, alg, kty, crv, d }) => [use, alg, kty, crv, d].join()).sort();
    if (uses.join() !== "enc,ECDH-ES+A256KW,EC,P-256,,sig,ES256,EC,P-256,") {
      throw new Refusal(400, "invalid_public_key");
    }
    this.codes.delete(body.enrollment_code);
    const device = token === null ? randomToken() : [...this.devices].find(([, each]) => each === token)![0];
    const deviceToken = token ?? randomToken();
    this.devices.set(device, deviceToken);
    const { user, application } = code;
    const same = this.#profiles(device).find((each) => each.user === user && each.application === application);
    const id = same?.id ?? randomUUID().slice(0, 6).toUpperCase();
    this.profiles.set(id, { id, device, user, application, keys, tokens: new Map(), usedAttempts: 0 });
    const members = token === null ? { device_token: deviceToken } : {};
    return [201, { device_id: device, profile_id: id, ...members, server_public_keys: await this.#publicKeys() }];
  }

  async #publicKeys(): Promise<Json> {
    const { signing, encryption } = await this.keys();
    const describe = async (key: CryptoKey, members: Json): Promise<Json> => {
      const jwk = await jose.exportJWK(key);
      return { ...jwk, ...members, kid: await jose.calculateJwkThumbprint(jwk) };
    };
    return { keys: [
      await describe(encryption.publicKey, { use: "enc", alg: "ECDH-ES+A256KW" }),
      await describe(signing.publicKey, { use: "sig", alg: "ES256" }),
    ] };
  }

  #status(profile: Profile): Json {
    const names = ["fingerprint", "custom:face"];
    return {
      profile_id: profile.id,
      application_id: profile.application,
      version_status: "enabled",
      push_enrolled: profile.pushToken !== undefined,
      requests: profile.pushToken === undefined ? "off" : "received",
      locked: false,
      used_pin_attempts: profile.usedAttempts,
      max_pin_attempts: this.maxPinAttempts,
      authenticators: [
        { type: "pin", allowed: true, registered: profile.pin !== undefined },
        ...names.map((name) => ({
          type: name.split(":")[0],
          ...(name === "custom:face" ? { authenticator_id: "face" } : {}),
          allowed: true,
          registered: profile.tokens.has(name),
        })),
      ],
    };
  }

  #replacePushToken(device: string, body: Json): [number, Json] {
    const profiles = this.#profiles(device).filter(({ pushToken }) => pushToken === body.old_push_token);
    if (!profiles.length) throw new Refusal(400, "invalid_request");
    for (const profile of profiles) profile.pushToken = body.push_token;
    return [204, {}];
  }

  // Authenticators

  async #register(profile: Profile, message: string): Promise<[number, Json]> {
    const content = await this.openSealed(profile, message, "countersign-registration");
    const isFresh = Math.abs(content.issued_at - this.time) <= 300_000 && !this.nonces.has(content.nonce);
    if (!isFresh) throw new Refusal(400, "invalid_message");
    this.nonces.add(content.nonce);
    if (content.type !== "pin" || profile.pin !== undefined) this.#verifyPin(profile, content.pin_token);
    const token = randomToken();
    if (content.type === "pin") profile.pin = token;
    else profile.tokens.set(content.type === "custom" ? `custom:${content.authenticator_id}` : content.type, token);
    return [201, { message: await this.seal(profile, { token }, "countersign-token") }];
  }

  #verifyPin(profile: Profile, token: unknown): void {
    if (typeof token !== "string") throw new Refusal(400, "invalid_message");
    if (token === profile.pin) {
      profile.usedAttempts = 0;
      return;
    }
    profile.usedAttempts += 1;
    if (profile.usedAttempts === this.maxPinAttempts) {
      profile.keys = [];
      throw new Refusal(410, "disconnected", { error_code: "9003" });
    }
    const attempts = { used_attempts: profile.usedAttempts, max_attempts: this.maxPinAttempts };
    throw new Refusal(403, "invalid_pin", attempts);
  }

  // Transactions

  #pending(device: string): Json[] {
    const ids = this.#profiles(device).map(({ id }) => id);
    return [...this.transactions.values()]
      .filter(({ id, profile }) => ids.includes(profile) && this.#isPending(id))
      .map(({ id, profile, challenge: { message, timestamp, time_to_live } }) => ({
        transaction_id: id, profile_id: profile, message, timestamp, time_to_live,
      }));
  }

  #isPending(id: string): boolean {
    const transaction = this.transactions.get(id);
    if (transaction?.status !== "pending") return false;
    const { timestamp, time_to_live } = transaction.challenge;
    return this.time < timestamp + 1000 * time_to_live;
  }

  async #fetch(profile: Profile, id: string): Promise<[number, Json]> {
    const transaction = this.transactions.get(id);
    if (transaction?.profile !== profile.id || !this.#isPending(id)) throw new Refusal(404, "invalid_transaction");
    return [200, { message: await this.seal(profile, transaction.challenge, "countersign-challenge") }];
  }

  async #claim(profile: Profile, scanned: string): Promise<[number, Json]> {
    const transaction = [...this.transactions.values()].find(({ otp }) => otp === scanned);
    if (transaction === undefined || ![profile.id, ""].includes(transaction.profile)) {
      throw new Refusal(404, "invalid_otp");
    }
    transaction.profile = profile.id;
    return this.#fetch(profile, transaction.id);
  }

  async #answer(device: string, id: string, message: string, verify: Verify): Promise<[number, Json]> {
    const transaction = this.transactions.get(id);
    const earlier = transaction?.answers.get(message);
    if (earlier !== undefined) return [earlier.status, earlier.body];
    if (transaction === undefined || !this.#isPending(id)) throw new Refusal(404, "invalid_transaction");
    const profile = this.#find(device, transaction.profile);
    try {
      const body = await verify(profile, transaction, message);
      transaction.answers.set(message, { status: 200, body });
      return [200, body];
    } catch (error) {
      if (error instanceof Refusal && error.status !== 400) transaction.answers.set(message, error);
      throw error;
    }
  }

  async #verify(profile: Profile, transaction: Transaction, message: string): Promise<Json> {
    const content = await this.openSealed(profile, message, "countersign-answer");
    const { token, type, signing_data } = transaction.challenge;
    if (content.transaction_id !== transaction.id || content.token !== token) throw new Refusal(400, "invalid_message");
    if (content.authenticated === true) {
      if (content.fraud === true || transaction.code !== undefined) throw new Refusal(400, "invalid_message");
      if (type.method.startsWith("push_with_")) this.#verifyCredential(profile, content.credential);
      const isValid =
        content.number === transaction.number &&
        (signing_data === undefined || (await this.#isSigned(profile, signing_data, content.signature)));
      transaction.status = isValid ? "authenticated" : "not_authenticated";
    } else {
      transaction.status = "not_authenticated";
      transaction.fraud = content.fraud === true;
    }
    return { status: transaction.status };
  }

  async #code(profile: Profile, transaction: Transaction, message: string): Promise<Json> {
    const content = await this.openSealed(profile, message, "countersign-answer");
    const { challenge: { token }, code, id } = transaction;
    const isValid = content.transaction_id === id && content.token === token && content.authenticated === undefined;
    if (!isValid || code === undefined) throw new Refusal(400, "invalid_message");
    this.#verifyCredential(profile, content.credential);
    return { message: await this.seal(profile, { code }, "countersign-token") };
  }

  #verifyCredential(profile: Profile, credential: Json | undefined): void {
    if (credential === undefined) throw new Refusal(400, "invalid_message");
    if (credential.type === "pin") {
      this.#verifyPin(profile, credential.token);
      return;
    }
    const name = credential.type === "custom" ? `custom:${credential.authenticator_id}` : credential.type;
    if (profile.tokens.get(name) !== credential.token) {
      profile.tokens.delete(name);
      throw new Refusal(403, "authenticator_revoked");
    }
  }

  async #isSigned(profile: Profile, data: string, signature: string): Promise<boolean> {
    const key = await jose.importJWK(profile.keys.find(({ use }) => use === "sig")!, "ES256");
    const [bytes, signed] = [Buffer.from(signature, "base64"), Buffer.from(data, "utf8")];
    return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key as CryptoKey, bytes, signed);
  }

  // Sealed messages

  async openSealed(profile: Profile, message: string, typ: string): Promise<Json> {
    return openSealed(await this.keys(), profile.keys, message, typ);
  }

  /** Seal a message. `outer` and `inner` replace members of the headers, to make invalid messages. */
  async seal(profile: Profile, content: Json, typ: string, outer: Json = {}, inner: Json = {}): Promise<string> {
    return seal(await this.keys(), profile.keys, content, typ, { outer, inner });
  }
}
