// Callback handlers for Express, other frameworks on Node's HTTP server, and frameworks with Request and Response.

import { MAX_BODY_BYTES, concat } from "./callbacks.ts";
import type { CallbackHandler, CallbackResponse } from "./callbacks.ts";

const NOT_ALLOWED: CallbackResponse = { status: 405, body: "", headers: { Allow: "POST" } };

/** Request of Express or of Node's HTTP server. */
export interface NodeRequest extends AsyncIterable<unknown> {
  method?: string | undefined;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Body that a framework has read. */
  body?: unknown;
}

/** Response of Express or of Node's HTTP server. */
export interface NodeResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body?: string): unknown;
}

/** Return a handler for Express and Node's HTTP server. It must get the request before a JSON parser does. */
export function nodeCallback(
  handler: CallbackHandler,
): (request: NodeRequest, response: NodeResponse, next?: (error: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    try {
      const isPost = request.method === "POST";
      const result = isPost ? await handler.handle(request.headers, await rawBody(request)) : NOT_ALLOWED;
      response.statusCode = result.status;
      for (const [name, value] of Object.entries(result.headers)) response.setHeader(name, value);
      response.end(result.body);
    } catch (error) {
      if (next) next(error);
      else throw error;
    }
  };
}

/** Return a handler for frameworks with the `Request` and `Response` of `fetch`. */
export function fetchCallback(handler: CallbackHandler): (request: Request) => Promise<Response> {
  return async (request) => {
    const body = request.method === "POST" && request.body ? await readAll(request.body) : new Uint8Array(0);
    const result = request.method === "POST" ? await handler.handle(request.headers, body) : NOT_ALLOWED;
    return new Response(result.body || null, { status: result.status, headers: result.headers });
  };
}

async function rawBody(request: NodeRequest): Promise<Uint8Array | string> {
  const { body } = request;
  if (body instanceof Uint8Array || typeof body === "string") return body;
  if (body !== undefined) {
    throw new TypeError("The body is parsed and cannot be verified. Add the callback before express.json().");
  }
  return readAll(request);
}

/** Read a body. The part beyond the limit is discarded: leaving the loop would close the connection of Node. */
async function readAll(chunks: AsyncIterable<unknown>): Promise<Uint8Array> {
  let body = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (body.length > MAX_BODY_BYTES) continue;
    body = concat(body, typeof chunk === "string" ? new TextEncoder().encode(chunk) : (chunk as Uint8Array));
  }
  return body;
}
