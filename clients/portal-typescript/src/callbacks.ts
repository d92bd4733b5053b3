// Callbacks: verification of signature and credentials, and handlers that read the result.

import type { Client } from "./client.ts";
import { CountersignError, InvalidCallback, TransactionNotFound } from "./errors.ts";
import { isObject } from "./json.ts";
import type { TransactionResult } from "./models.ts";

export const MAX_BODY_BYTES = 64 * 1024;
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
const HMAC: HmacKeyGenParams = { name: "HMAC", hash: "SHA-256" };
const encoder = new TextEncoder();

export interface Credentials {
  username: string;
  password: string;
}

/** Verified callback. Callbacks are delivered at least once: `webhookId` is the same in all attempts of one. */
export interface Callback {
  readonly callbackUri: string;
  readonly transactionId: string;
  readonly webhookId: string;
}

export interface CallbackResponse {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers of `fetch` or of Node. */
export type RequestHeaders = Headers | Readonly<Record<string, string | string[] | undefined>>;

export interface VerifierOptions {
  /** During a rotation, both: a signature by any of them is valid. */
  signingSecrets?: readonly string[];
  /** Basic credentials. If there are signing secrets too, a callback needs both. */
  credentials?: Credentials;
  /** Maximum difference of webhook-timestamp and the current time; default 300. */
  toleranceSeconds?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** Verifier of callbacks, with the signing secrets and the credentials of the callback endpoint. */
export class CallbackVerifier {
  readonly #keys: Promise<CryptoKey>[];
  readonly #credentials: Credentials | undefined;
  readonly #toleranceSeconds: number;
  readonly #now: () => number;

  constructor(options: VerifierOptions) {
    const secrets = (options.signingSecrets ?? []).map(decodeSecret);
    this.#keys = secrets.map((secret) => crypto.subtle.importKey("raw", secret, HMAC, false, ["verify"]));
    this.#credentials = options.credentials;
    this.#toleranceSeconds = options.toleranceSeconds ?? 300;
    this.#now = options.now ?? Date.now;
    if (secrets.length === 0 && !options.credentials) {
      throw new TypeError("signingSecrets or credentials are required, to verify callbacks");
    }
  }

  /** Return the callback. Throws InvalidCallback. `body` is the body of the request before any parsing. */
  async verify(headers: RequestHeaders, body: Uint8Array | string): Promise<Callback> {
    const read = headerReader(headers);
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    if (bytes.length > MAX_BODY_BYTES) throw new InvalidCallback("the body is too large", 413);
    if (this.#credentials) await verifyCredentials(read("authorization"), this.#credentials);
    if (this.#keys.length > 0) await this.#verifySignature(read, bytes);
    return parseCallback(bytes, read("webhook-id"));
  }

  /** Verify a signature of Standard Webhooks. All keys are used, so that the time reveals no key. */
  async #verifySignature(read: (name: string) => string, body: Uint8Array): Promise<void> {
    const webhookId = read("webhook-id");
    const timestamp = read("webhook-timestamp");
    if (!webhookId || !/^\d{1,15}$/.test(timestamp)) {
      throw new InvalidCallback("webhook-id or webhook-timestamp is missing or malformed");
    }
    const signed = concat(encoder.encode(`${webhookId}.${timestamp}.`), body);
    const signatures = decodeSignatures(read("webhook-signature"));
    let isValid = false;
    for (const key of this.#keys) {
      for (const signature of signatures) {
        // WebCrypto compares in constant time.
        if (await crypto.subtle.verify("HMAC", await key, signature, signed)) isValid = true;
      }
    }
    if (!isValid) throw new InvalidCallback("no signature is valid");
    if (Math.abs(this.#now() / 1000 - Number(timestamp)) > this.#toleranceSeconds) {
      throw new InvalidCallback("webhook-timestamp is too far from the current time");
    }
  }
}

/** Handler of callbacks: verifies a request, reads the result and passes it to `onResult`.
 *
 * `onResult` can be called more than once with the same result. If it throws, `handle` throws too: the framework
 * responds with 500, and Countersign retries the callback.
 */
export class CallbackHandler {
  readonly #client: Client;
  readonly #verifier: CallbackVerifier;
  readonly #onResult: (result: TransactionResult) => unknown;

  constructor(client: Client, verifier: CallbackVerifier, onResult: (result: TransactionResult) => unknown) {
    this.#client = client;
    this.#verifier = verifier;
    this.#onResult = onResult;
  }

  async handle(headers: RequestHeaders, body: Uint8Array | string): Promise<CallbackResponse> {
    let result: TransactionResult;
    try {
      const callback = await this.#verifier.verify(headers, body);
      result = await this.#client.result(callback.transactionId);
      if (result.status === "pending") throw new InvalidCallback("the transaction is pending", 503);
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error;
      return errorResponse(error);
    }
    await this.#onResult(result);
    return { status: 204, body: "", headers: {} };
  }
}

/** Return the response to a callback that was not handled. Countersign retries it. */
function errorResponse(error: CountersignError): CallbackResponse {
  const headers: Record<string, string> = { "Content-Type": "text/plain; charset=utf-8" };
  if (error instanceof InvalidCallback) {
    if (error.status === 401) headers["WWW-Authenticate"] = 'Basic realm="callback"';
    return { status: error.status, body: error.message, headers };
  }
  if (error instanceof TransactionNotFound) return { status: 404, body: "the transaction is unknown", headers };
  return { status: 503, body: "the result could not be read", headers };
}

function headerReader(headers: RequestHeaders): (name: string) => string {
  if (headers instanceof Headers) return (name) => headers.get(name) ?? "";
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => {
    const value = lower.get(name);
    return Array.isArray(value) ? value.join(" ") : (value ?? "");
  };
}

function parseCallback(body: Uint8Array, webhookId: string): Callback {
  let members: unknown;
  try {
    members = JSON.parse(new TextDecoder().decode(body));
  } catch {
    members = undefined;
  }
  if (isObject(members)) {
    const { callback_uri: callbackUri, transaction_id: transactionId } = members;
    if (typeof callbackUri === "string" && typeof transactionId === "string" && transactionId) {
      return { callbackUri, transactionId, webhookId };
    }
  }
  throw new InvalidCallback("the body is not a callback", 400);
}

async function verifyCredentials(authorization: string, credentials: Credentials): Promise<void> {
  const [, encoded] = /^basic +(\S+)\s*$/i.exec(authorization) ?? [];
  const received = decodeBase64(encoded ?? "");
  const expected = encoder.encode(`${credentials.username}:${credentials.password}`);
  // A comparison of keyed digests takes the same time for every value.
  const key = await crypto.subtle.generateKey(HMAC, false, ["sign", "verify"]);
  const digest = await crypto.subtle.sign("HMAC", key, expected);
  if (!(await crypto.subtle.verify("HMAC", key, digest, received))) {
    throw new InvalidCallback("the credentials are invalid");
  }
}

/** Return the signatures of version 1. */
function decodeSignatures(header: string): Uint8Array<ArrayBuffer>[] {
  const parts = header.split(/\s+/).filter((part) => part.startsWith("v1,"));
  return parts.map((part) => decodeBase64(part.slice(3)));
}

function decodeSecret(secret: string): Uint8Array<ArrayBuffer> {
  const key = decodeBase64(secret.startsWith("whsec_") ? secret.slice(6) : "");
  if (key.length < MIN_SECRET_BYTES || key.length > MAX_SECRET_BYTES) {
    throw new TypeError("a signing secret is “whsec_” and base64 of 24 to 64 bytes");
  }
  return key;
}

/** Decode base64. Invalid text results in no bytes. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}

export function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
