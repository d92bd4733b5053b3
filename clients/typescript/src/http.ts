/** Requests of the device API, and their retries. */

import type { Clock } from "./clock.ts";
import { apiError, DeviceApiError, NetworkError, ServerUnavailable, UnexpectedResponse } from "./errors.ts";
import { integer, InvalidMember, optional, parseObject, text, type JsonObject } from "./json.ts";

/** Part of `fetch` that the library uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  readonly fetch: Fetch;
  /** Wait for some ms. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Call `callback` after some ms. Return a function that cancels it. */
  readonly setTimer: (callback: () => void, ms: number) => () => void;
  /** Time for a response, in ms. */
  readonly timeout: number;
  /** Number of retries of a call, after 1, 2, 4 ... seconds. */
  readonly maxRetries: number;
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: JsonObject;
  readonly deviceToken?: string | undefined;
}

export interface RetryOptions {
  /** Server's time in ms after which there is no retry, because the transaction has expired. */
  readonly until?: number;
}

/** A longer `Retry-After` ends the retries: the app retries later. In seconds. */
const MAX_RETRY_AFTER = 60;
const MAX_BODY_CHARACTERS = 2 * 1024 * 1024;

export class Http {
  readonly #server: string;
  readonly #clock: Clock;
  readonly #options: HttpOptions;

  constructor(server: string, clock: Clock, options: HttpOptions) {
    this.#server = server;
    this.#clock = clock;
    this.#options = options;
  }

  /** Send a request once. Throws NetworkError, UnexpectedResponse or a DeviceApiError. */
  async call({ method, path, body, deviceToken }: Call): Promise<JsonObject> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (deviceToken !== undefined) headers.Authorization = `Bearer ${deviceToken}`;
    const { response, content } = await this.#exchange(this.#server + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    await this.#clock.update(response.headers.get("Date"));
    return parseResponse(response, content);
  }

  /** Send a request, and again with the same bytes after an interruption. Throws the last error. */
  async callWithRetries(call: Call, { until = Infinity }: RetryOptions = {}): Promise<JsonObject> {
    for (let retries = 0; ; retries += 1) {
      try {
        return await this.call(call);
      } catch (error) {
        const delay = retryDelay(error, retries);
        if (delay === undefined || retries >= this.#options.maxRetries) throw error;
        if ((await this.#clock.serverTime()) + delay > until) throw error;
        await this.#options.sleep(delay);
      }
    }
  }

  async #exchange(url: string, init: RequestInit): Promise<{ response: Response; content: string }> {
    const controller = new AbortController();
    const cancel = this.#options.setTimer(() => {
      controller.abort();
    }, this.#options.timeout);
    try {
      const response = await this.#options.fetch(url, { ...init, signal: controller.signal });
      return { response, content: await response.text() };
    } catch (error) {
      throw new NetworkError("no response of the server", { cause: error });
    } finally {
      cancel();
    }
  }
}

/** Return the ms to wait before a retry, or undefined if a retry is useless. */
function retryDelay(error: unknown, retries: number): number | undefined {
  const delay = 1000 * 2 ** retries;
  if (error instanceof NetworkError) return delay;
  // A proxy responds instead of the server.
  if (error instanceof UnexpectedResponse) return error.status >= 500 ? delay : undefined;
  if (!(error instanceof ServerUnavailable)) return undefined;
  // An internal error is repeated once.
  if (error.status === 500 && retries > 0) return undefined;
  const retryAfter = error.retryAfter ?? 0;
  return retryAfter > MAX_RETRY_AFTER ? undefined : Math.max(delay, 1000 * retryAfter);
}

function parseResponse(response: Response, content: string): JsonObject {
  if (content.length > MAX_BODY_CHARACTERS) throw new UnexpectedResponse(response.status, "the body is too large");
  if (response.status === 204) return {};
  let members: JsonObject;
  try {
    members = parseObject(content);
    if (response.ok) return members;
    throw parseError(response, members);
  } catch (error) {
    if (error instanceof DeviceApiError) throw error;
    throw new UnexpectedResponse(response.status, "the body is not one of the device API");
  }
}

function parseError(response: Response, members: JsonObject): DeviceApiError {
  const body = {
    error: text(members, "error"),
    errorCode: optional(text, members, "error_code") ?? "",
    description: optional(text, members, "error_description") ?? "",
    usedAttempts: optional(integer, members, "used_attempts") ?? 0,
    maxAttempts: optional(integer, members, "max_attempts") ?? 0,
  };
  return apiError(response.status, body, parseRetryAfter(response));
}

/** Parse `Retry-After`, in seconds or as a date, which is compared with the date of the response. */
function parseRetryAfter(response: Response): number | undefined {
  const value = response.headers.get("Retry-After");
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const seconds = (Date.parse(value) - Date.parse(response.headers.get("Date") ?? "")) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/** Read the members of a response. Throws UnexpectedResponse if one is missing or has another type. */
export function readResponse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidMember) throw new UnexpectedResponse(200, error.message);
    throw error;
  }
}
