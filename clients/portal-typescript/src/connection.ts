// Requests with credentials, timeouts and retries.

import { CountersignError, NetworkError, UnexpectedResponse, fromResponse, retryAfter } from "./errors.ts";
import { InvalidMember, isObject } from "./json.ts";
import type { Json } from "./json.ts";

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 8000;
// Statuses of proxies and of the server after which a request can be repeated.
const TRANSIENT = [429, 503];
const TRANSIENT_IF_REPEATABLE = [502, 504];
// The request was not sent.
const NOT_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

/** Clock of a client. A test can replace it. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

export interface ClientOptions {
  /** URL of the server, without the paths of the API. */
  baseUrl: string;
  clientId: string;
  clientSecret: string;
  /** Milliseconds for each attempt; default 10,000. */
  timeoutMs?: number;
  /** Retries of a request; default 5. */
  maxRetries?: number;
  /** Milliseconds that all pauses of a request can take; default 30,000. */
  maxWaitMs?: number;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  clock?: Clock;
}

export interface ApiRequest {
  method: string;
  path: string;
  form?: Readonly<Record<string, string | undefined>>;
  json?: unknown;
  query?: URLSearchParams;
  headers?: Readonly<Record<string, string>>;
  /** False if the effect differs when the request is received twice; default true. */
  isRepeatable?: boolean;
}

export interface ApiResponse {
  status: number;
  headers: Headers;
  body: string;
  /** True if the server can have processed an earlier attempt. */
  isAmbiguous: boolean;
}

type Reply = ApiResponse | NetworkError;

/** Server and credentials of a client. No representation contains the secret. */
export class Connection {
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clock: Clock;
  readonly #authorization: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #maxWaitMs: number;

  constructor(options: ClientOptions) {
    this.baseUrl = validateUrl(options.baseUrl);
    if (!options.clientId || !options.clientSecret) throw new TypeError("clientId and clientSecret must not be empty");
    this.clientId = options.clientId;
    // Encoded as in RFC 6749, section 2.3.1, so that an id can contain a colon.
    const pair = [options.clientId, options.clientSecret].map(encodeURIComponent).join(":");
    this.#authorization = `Basic ${btoa(pair)}`;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#maxRetries = options.maxRetries ?? 5;
    this.#maxWaitMs = options.maxWaitMs ?? 30_000;
    this.clock = options.clock ?? {
      now: () => performance.now(),
      sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    };
  }

  /** Send a request with retries, and return a response with a status of 2xx. Throws a CountersignError. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    return requireSuccess(await this.sendTracked(request));
  }

  /** Send a request with retries, and return the last response. Throws a NetworkError. */
  async sendTracked(request: ApiRequest): Promise<ApiResponse> {
    let waited = 0;
    let isAmbiguous = false;
    for (let retries = 0; ; retries += 1) {
      const reply = await this.#attempt(request, isAmbiguous);
      const pause = Math.max(backoff(retries), minimumPause(reply));
      const isLast = retries === this.#maxRetries || waited + pause > this.#maxWaitMs;
      if (isLast || !isTransient(request, reply)) {
        if (reply instanceof NetworkError) throw reply;
        return reply;
      }
      isAmbiguous ||= reply instanceof NetworkError ? reply.isSent : TRANSIENT_IF_REPEATABLE.includes(reply.status);
      waited += pause;
      await this.clock.sleep(pause);
    }
  }

  async #attempt(request: ApiRequest, isAmbiguous: boolean): Promise<Reply> {
    const query = request.query?.toString();
    const url = this.baseUrl + request.path + (query ? `?${query}` : "");
    try {
      const response = await this.#fetch(url, { ...this.#init(request), signal: AbortSignal.timeout(this.#timeoutMs) });
      return { status: response.status, headers: response.headers, body: await response.text(), isAmbiguous };
    } catch (error) {
      return networkError(error);
    }
  }

  #init(request: ApiRequest): RequestInit {
    const headers: Record<string, string> = {
      Accept: "application/json",
      "User-Agent": "countersign-typescript/0.1.0",
      ...request.headers,
      Authorization: this.#authorization,
    };
    const init: RequestInit = { method: request.method, headers, redirect: "manual", cache: "no-store" };
    if (request.json !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(request.json);
    } else if (request.form) {
      const fields = Object.entries(request.form).filter((field): field is [string, string] => field[1] !== undefined);
      init.body = new URLSearchParams(fields);
    }
    return init;
  }
}

/** Return the response if its status is 2xx. Throws ApiError, or UnexpectedResponse if it has another format. */
export function requireSuccess(response: ApiResponse): ApiResponse {
  if (response.status >= 200 && response.status < 300) return response;
  const body = readJson(response);
  if (typeof (body.error ?? body.code) !== "string") {
    throw new UnexpectedResponse(response.status, "the response is no error of the API");
  }
  throw fromResponse(response.status, body, response.headers);
}

/** Return the members of the body. Throws UnexpectedResponse. */
export function readJson(response: ApiResponse): Json {
  let body: unknown;
  try {
    body = JSON.parse(response.body);
  } catch {
    body = undefined;
  }
  if (!isObject(body)) throw new UnexpectedResponse(response.status, "the body is not a JSON object");
  return body;
}

/** Build an object from the body. Throws UnexpectedResponse if a member is missing or has another type. */
export function parse<T>(build: (data: Json) => T, response: ApiResponse): T {
  const body = readJson(response);
  try {
    return build(body);
  } catch (error) {
    if (!(error instanceof InvalidMember)) throw error;
    throw new UnexpectedResponse(response.status, `unexpected body: ${error.message}`);
  }
}

function validateUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError("baseUrl must be an absolute http or https URL");
  }
  if (!["http:", "https:"].includes(url.protocol) || url.search || url.hash) {
    throw new TypeError("baseUrl must be an absolute http or https URL without query and fragment");
  }
  if (url.username || url.password) throw new TypeError("baseUrl must not contain credentials");
  return text.replace(/\/+$/, "");
}

function isTransient(request: ApiRequest, reply: Reply): boolean {
  const isRepeatable = request.isRepeatable ?? true;
  if (reply instanceof NetworkError) return isRepeatable || !reply.isSent;
  if (reply.status === 409) return reply.body.includes('"idempotency_in_progress"');
  return TRANSIENT.includes(reply.status) || (isRepeatable && TRANSIENT_IF_REPEATABLE.includes(reply.status));
}

function minimumPause(reply: Reply): number {
  return reply instanceof NetworkError ? 0 : (retryAfter(reply.headers) ?? 0) * 1000;
}

/** Return the pause before a retry, with jitter: between half of the backoff and the whole. */
function backoff(retries: number): number {
  return Math.min(FIRST_BACKOFF_MS * 2 ** retries, MAX_BACKOFF_MS) * (0.5 + Math.random() / 2);
}

/** Return the error of a request without a response. The text has neither URL nor body. */
function networkError(error: unknown): NetworkError {
  if (error instanceof CountersignError) return new NetworkError(error.message);
  if (error instanceof DOMException && error.name === "TimeoutError") return new NetworkError("timeout");
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const code = isObject(cause) && typeof cause.code === "string" ? cause.code : "";
  return new NetworkError(code || "the connection failed", !NOT_SENT.includes(code));
}
