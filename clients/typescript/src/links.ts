/** Texts that a user scans or opens: enrolment links and one-time passwords. */

import { decodeUtf8, fromBase64 } from "./encoding.ts";
import { parseObject, text } from "./json.ts";

/** Content of an enrolment link. `server` is a URL without a slash at its end. */
export interface EnrollmentLink {
  readonly server: string;
  readonly applicationId: string;
  readonly code: string;
}

/** Content of a scanned one-time password. */
export interface ScannedOtp {
  readonly transactionId: string;
  /** Text to pass to `claimOtp`, unchanged. */
  readonly scanned: string;
}

// The form for the app, and the form for the web: the members after `#` reach no server.
const LINK = /^(?:countersign:\/\/enroll\/?\?|https?:\/\/[^\s?#]+#)(\S+)$/;
const SERVER = /^https:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/;
const HTTP_SERVER = /^http:\/\/[^\s/?#@\\]+(?:\/[^\s?#\\]*)?$/;
const LOOPBACK = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/|$)/;

/** Parse both forms of an enrolment link. Return undefined for any other text, and for a server without TLS. */
export function parseEnrollmentLink(link: string, options: { allowHttp?: boolean } = {}): EnrollmentLink | undefined {
  const members = parseQuery(LINK.exec(link.trim())?.[1] ?? "");
  const server = members.get("server") ?? "";
  const applicationId = members.get("application_id") ?? "";
  const code = members.get("code") ?? "";
  if (applicationId === "" || code === "" || !isServer(server, options.allowHttp)) return undefined;
  return { server: normalizeServer(server), applicationId, code };
}

/** Return true if this is the URL of a server with HTTPS. HTTP requires the loopback, or `allowHttp`. */
export function isServer(server: string, allowHttp = false): boolean {
  return SERVER.test(server) || (HTTP_SERVER.test(server) && (allowHttp || LOOPBACK.test(server)));
}

/** Remove slashes at the end. */
export const normalizeServer = (server: string): string => server.replace(/\/+$/, "");

/** Parse a query. URLSearchParams is incomplete in React Native. */
function parseQuery(query: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const pair of query.split("&")) {
    const [name = "", ...value] = pair.split("=");
    try {
      members.set(decode(name), decode(value.join("=")));
    } catch {
      return new Map();
    }
  }
  return members;
}

const decode = (value: string): string => decodeURIComponent(value.replaceAll("+", " "));

/** Parse the QR code of a one-time password. Return undefined for any other text. */
export function parseOtp(scanned: string): ScannedOtp | undefined {
  try {
    const members = parseObject(decodeUtf8(fromBase64(scanned)));
    text(members, "otp");
    return { transactionId: text(members, "transaction_id"), scanned };
  } catch {
    return undefined;
  }
}
