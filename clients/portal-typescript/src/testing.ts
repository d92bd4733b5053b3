// Fake server for the tests of a portal: in the process of the test, without network and without waiting.

import { concat } from "./callbacks.ts";
import type { Credentials } from "./callbacks.ts";
import { Client } from "./client.ts";
import type { ClientOptions, Clock } from "./connection.ts";
import { FakeError } from "./fake-errors.ts";
import { PortalApi } from "./fake-portal.ts";
import type { Fields } from "./fake-portal.ts";
import { FakeDevice } from "./fake-state.ts";
import type { FakeTransaction, FakeType, Outcome } from "./fake-state.ts";
import { UserApi, eventsPage } from "./fake-users.ts";
import type { FakeEvent } from "./fake-users.ts";

export type { FakeEvent, FakeType, Outcome };

const BASE_URL = "https://countersign.invalid";
const CLIENT_ID = "portal";
const CLIENT_SECRET = "secret-of-the-fake-server";
const SIGNING_SECRET = "signing secret of the fake server";
const PORTAL = "/oauth/api/v4/authenticate";
const USER = `${PORTAL}/user/([^/]+)`;
const TRANSACTION = `${PORTAL}/transaction/([^/]+)`;
const DEVICES = "/oauth/api/v4/users/([^/]+)/devices";

/** POST request that the server sends to the callback URL. */
export interface CallbackRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Run = (parts: string[], fields: Fields) => Fields | undefined;
type Route = readonly [method: string, pattern: RegExp, run: Run, status: number];

export interface FakeServerOptions {
  /** Mobile authentication types by name: a method or its settings. */
  types: Readonly<Record<string, FakeType["method"] | FakeType>>;
  /** Identifiers of applications; default "demo". */
  applications?: readonly string[];
}

/** Clock that does not wait: a pause moves its time. */
class FakeClock implements Clock {
  #now = Date.now();

  now(): number {
    return this.#now;
  }

  async sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    return Promise.resolve();
  }
}

/** Countersign server for tests. Its methods do what devices, providers and failures do. */
export class FakeServer {
  readonly signingSecret = `whsec_${btoa(SIGNING_SECRET)}`;
  readonly callbackCredentials: Credentials = { username: "countersign", password: "password-of-the-fake-server" };
  readonly clock = new FakeClock();
  /** All requests, with form fields or JSON members. */
  readonly requests: { method: string; path: string; fields: Fields }[] = [];
  readonly portal: PortalApi;
  readonly #devices: FakeDevice[] = [];
  readonly #events: FakeEvent[] = [];
  readonly #failures: { response?: () => Response; isProcessed: boolean }[] = [];
  readonly #stored = new Map<string, { form: string; response: Fields }>();
  readonly #routes: readonly Route[];

  constructor(options: FakeServerOptions) {
    const types = Object.entries(options.types).map(
      ([name, type]) => [name, typeof type === "string" ? { method: type } : type] as const,
    );
    const now = (): number => this.clock.now();
    this.portal = new PortalApi(Object.fromEntries(types), this.#devices, now);
    this.#routes = routes(this.portal, new UserApi(this.#devices, options.applications ?? ["demo"], now));
  }

  /** Return a client of this server that never waits. */
  client(options: Partial<ClientOptions> & { eventPageSize?: number } = {}): Client {
    const credentials = { baseUrl: BASE_URL, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
    return new Client({ ...credentials, fetch: this.fetch, clock: this.clock, ...options });
  }

  /** Enrol a device of a user, also for push, and return its id. */
  addDevice(userId: string, options: { deviceId?: string; name?: string; platform?: string } = {}): string {
    const deviceId = options.deviceId ?? crypto.randomUUID().replaceAll("-", "").toUpperCase().repeat(2);
    const { name = "Phone", platform = "android" } = options;
    this.#devices.push(new FakeDevice(userId, deviceId, name, platform, Math.floor(this.clock.now())));
    return deviceId;
  }

  /** Set the outcomes of the next transactions. Each takes place after the first reading of the result. */
  plan(...outcomes: Outcome[]): void {
    this.portal.planned.push(...outcomes);
  }

  /** Approve as the user does, and return the callback. One-time passwords need the id of the user. */
  async approve(transactionId: string, userId?: string): Promise<CallbackRequest> {
    const transaction = this.portal.pending(transactionId);
    if (transaction.request.type.codeToPhone) throw new TypeError("a device cannot approve it: use phoneCode");
    transaction.userId = userId ?? transaction.userId;
    if (!transaction.userId) throw new TypeError("userId is required: the scanning device identifies the user");
    return this.#end(transaction, "approve");
  }

  /** Deny as the user does, and return the callback. */
  async deny(transactionId: string, options: { fraud?: boolean } = {}): Promise<CallbackRequest> {
    return this.#end(this.portal.pending(transactionId), options.fraud ? "report_fraud" : "deny");
  }

  /** Fail as the provider does, and return the callback. */
  async failToSend(transactionId: string): Promise<CallbackRequest> {
    return this.#end(this.portal.pending(transactionId), "fail_to_send");
  }

  /** Expire the transaction. By default, the server sends no callback. */
  expire(transactionId: string): void {
    this.portal.pending(transactionId).apply("expire");
  }

  /** Return the code that the user receives by SMS. */
  smsCode(transactionId: string): string {
    return this.portal.find(transactionId).code;
  }

  /** Show the code on the device, and return it. Before, no code is correct. */
  phoneCode(transactionId: string): string {
    const transaction = this.portal.pending(transactionId);
    transaction.isCodeShown = true;
    return transaction.code;
  }

  /** Return the callback of a transaction, signed at the current time. */
  async callback(transactionId: string): Promise<CallbackRequest> {
    const url = this.portal.find(transactionId).request.callbackUri;
    const body = JSON.stringify({ callback_uri: url, transaction_id: transactionId });
    const id = crypto.randomUUID();
    const timestamp = String(Math.floor(Date.now() / 1000));
    const encoder = new TextEncoder();
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", encoder.encode(SIGNING_SECRET), algorithm, false, ["sign"]);
    const signed = concat(encoder.encode(`${id}.${timestamp}.`), encoder.encode(body));
    const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
    const { username, password } = this.callbackCredentials;
    const headers = {
      "content-type": "application/json",
      authorization: `Basic ${btoa(`${username}:${password}`)}`,
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${btoa(String.fromCharCode(...signature))}`,
    };
    return { url, headers, body };
  }

  /** Add an event to the audit log, with the members of the API. */
  addEvent(eventType: string, members: Fields = {}): void {
    this.#events.push({
      event_identifier: crypto.randomUUID(),
      event_name: eventType.replaceAll("_", " "),
      event_type: eventType,
      client_id: CLIENT_ID,
      app_name: "",
      transaction_id: null,
      user_id: "",
      client_ip: null,
      user_agent: "",
      occurred: Math.floor(this.clock.now()),
      details: {},
      ...members,
    });
  }

  /** Respond to the next request with an error, by its number or token. Several calls queue several errors. */
  failNext(name: string, options: { retryAfter?: number } = {}): void {
    const error = new FakeError(name);
    const headers = options.retryAfter === undefined ? {} : { "Retry-After": String(options.retryAfter) };
    const response = (): Response => Response.json(error.body, { status: error.status, headers });
    this.#failures.push({ isProcessed: false, response });
  }

  /** Break the connection of the next request; with `processed`, after the server has processed it. */
  disconnectNext(options: { processed?: boolean } = {}): void {
    this.#failures.push({ isProcessed: options.processed ?? false });
  }

  /** `fetch` of this server. */
  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const failure = this.#failures.shift();
    const response = !failure || failure.isProcessed ? await this.#respond(request) : failure.response?.();
    if (response && !failure?.isProcessed) return response;
    const code = failure?.isProcessed ? "ECONNRESET" : "ECONNREFUSED";
    throw new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
  };

  async #end(transaction: FakeTransaction, outcome: Outcome): Promise<CallbackRequest> {
    transaction.apply(outcome);
    return this.callback(transaction.transactionId);
  }

  async #respond(request: Request): Promise<Response> {
    try {
      return await this.#dispatch(request);
    } catch (error) {
      if (!(error instanceof FakeError)) throw error;
      return Response.json(error.body, { status: error.status });
    }
  }

  async #dispatch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const expected = `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}`;
    if (request.headers.get("authorization") !== expected) throw new FakeError("invalid_client");
    const fields = await readFields(request);
    this.requests.push({ method: request.method, path: url.pathname, fields });
    const isStart = request.method === "POST" && url.pathname === `${PORTAL}/user`;
    if (isStart) return Response.json(this.#start(request, fields));
    if (url.pathname === "/oauth/api/v1/events") return Response.json(eventsPage(this.#events, url.searchParams));
    for (const [method, pattern, run, status] of this.#routes) {
      const match = pattern.exec(url.pathname);
      if (!match || method !== request.method) continue;
      const members = run(match.slice(1).map(decodeURIComponent), fields);
      return members ? Response.json(members, { status }) : new Response(null, { status: 204 });
    }
    throw new FakeError("not_found", "This path does not exist.");
  }

  #start(request: Request, form: Fields): Fields {
    const key = request.headers.get("idempotency-key");
    const stored = key === null ? undefined : this.#stored.get(key);
    if (stored) {
      if (stored.form !== JSON.stringify(form)) throw new FakeError("idempotency_key_reused");
      return stored.response;
    }
    const response = this.portal.start(form);
    if (key !== null) this.#stored.set(key, { form: JSON.stringify(form), response });
    return response;
  }
}

function routes(portal: PortalApi, users: UserApi): Route[] {
  const none = (run: (parts: string[], fields: Fields) => void): Run => (parts, fields) => {
    run(parts, fields);
    return undefined;
  };
  const route = (method: string, pattern: string, run: Run, status = 200): Route =>
    [method, new RegExp(`^${pattern}$`), run, status];
  const part = (parts: string[], index = 0): string => parts[index] ?? "";
  const codes = "/oauth/api/v4/users/([^/]+)/enrollment-codes";
  return [
    route("GET", TRANSACTION, (parts) => portal.result(part(parts))),
    route("DELETE", TRANSACTION, none((parts) => { portal.cancel(part(parts)); })),
    route("POST", `${TRANSACTION}/resend`, none((parts) => { portal.resendPush(part(parts)); })),
    route("POST", `${USER}/sms`, (parts, fields) => portal.verifySms(part(parts), fields)),
    route("POST", `${USER}/code`, (parts, fields) => portal.verifyCode(part(parts), fields)),
    route("POST", `${USER}/sms/resend`, none((parts, fields) => { portal.resendSms(part(parts), fields); })),
    route("GET", `${USER}/enabled`, (parts) => portal.userTypes(part(parts))),
    route("GET", `${USER}/device/([^/]+)/enabled`, (parts) => portal.deviceTypes(part(parts), part(parts, 1))),
    route("POST", codes, (parts, fields) => users.createEnrollmentCode(part(parts), fields), 201),
    route("GET", DEVICES, (parts) => users.list(part(parts))),
    route("POST", DEVICES, none((parts, fields) => { users.deleteListed(part(parts), fields); })),
    route("DELETE", DEVICES, none((parts) => { users.deleteAll(part(parts)); })),
    route("DELETE", `${DEVICES}/([^/]+)`, none((parts) => { users.delete(part(parts), part(parts, 1)); })),
    route(
      "POST",
      `${DEVICES}/([^/]+)/(disable(?:Fingerprint|PushAuthentication|MobileAuthentication))`,
      none((parts) => { users.disable(part(parts), part(parts, 1), part(parts, 2)); }),
    ),
  ];
}

/** Return the form fields or JSON members. An empty field counts as absent. */
async function readFields(request: Request): Promise<Fields> {
  const text = await request.text();
  if (request.headers.get("content-type")?.startsWith("application/json")) return JSON.parse(text) as Fields;
  return Object.fromEntries([...new URLSearchParams(text)].filter(([, value]) => value));
}
