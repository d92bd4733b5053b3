// Objects that the library returns. `raw` has all members of the response, also those of later versions.
// Secrets and `raw` are not enumerable, so that logs and `JSON.stringify` do not contain them.

import * as json from "./json.ts";
import type { Json } from "./json.ts";

export type Status = "pending" | "authenticated" | "not_authenticated" | "expired" | "cancelled";

export interface StartedTransaction {
  readonly transactionId: string;
  /** Method of the type or of its fallback. */
  readonly authMethod: string;
  /** Milliseconds. */
  readonly timeToLive: number;
  readonly device: { readonly name: string; readonly platform: string } | undefined;
  /** Show this number to the user. */
  readonly verificationNumber: string | undefined;
  readonly codeToPhone: boolean;
  /** One-time password as text for a QR code or a link; not enumerable. */
  readonly qrData: string | undefined;
  readonly raw: Json;
}

export interface TransactionResult {
  readonly transactionId: string;
  readonly status: Status;
  /** Sign `userId` in only if this is true. */
  readonly isAuthenticated: boolean;
  readonly userId: string;
  /** Time of the start, in milliseconds since the epoch. */
  readonly timestamp: number;
  readonly callbackUri: string | undefined;
  readonly authenticationMethod: string | undefined;
  readonly usedAuthenticationAttempts: number | undefined;
  readonly signature: string | undefined;
  readonly userPublicKey: string | undefined;
  readonly signatureVerified: boolean | undefined;
  readonly fraudReported: boolean;
  /** "web" if the device is a browser. */
  readonly devicePlatform: string | undefined;
  readonly notAuthenticatedReason: { readonly reason: string; readonly description: string } | undefined;
  readonly raw: Json;
}

export interface EnrolledDevice {
  readonly appId: string;
  readonly appName: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly platform: string;
}

export interface AvailableType {
  readonly type: string;
  /** In upper case. */
  readonly method: string;
  readonly smsFallbackAllowed: boolean;
  readonly devices: readonly EnrolledDevice[];
  readonly raw: Json;
}

/** Device of a user. Timestamps are in milliseconds since the epoch. */
export interface UserDevice {
  readonly id: string;
  readonly name: string;
  readonly application: string;
  readonly platform: string;
  readonly model: string;
  readonly osVersion: string;
  readonly createdAt: number;
  readonly lastLogin: number;
  /** Registered authenticators: DEFAULT (PIN), FINGER_PRINT, CUSTOM_AUTHENTICATOR. */
  readonly tokenTypes: readonly string[];
  readonly mobileAuthenticationEnabled: boolean;
  readonly pushAuthenticationEnabled: boolean;
  readonly keyKind: string | undefined;
  readonly raw: Json;
}

/** Enrolment code for a single use. Code and links are not enumerable. */
export interface EnrollmentCode {
  readonly enrollmentCode: string;
  readonly enrollmentUri: string;
  readonly webEnrollmentUri: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly raw: Json;
}

export interface AuditEvent {
  readonly eventIdentifier: string;
  readonly eventName: string;
  readonly eventType: string;
  readonly clientId: string;
  readonly appName: string;
  readonly transactionId: string | undefined;
  readonly userId: string;
  readonly clientIp: string | undefined;
  readonly userAgent: string;
  /** Milliseconds since the epoch. */
  readonly occurred: number;
  readonly details: Json;
  readonly raw: Json;
}

export interface EventPage {
  readonly events: readonly AuditEvent[];
  readonly page: number;
  readonly size: number;
  readonly totalElements: number;
  readonly totalPages: number;
}

/** Add properties that are not enumerable. */
function withHidden<T extends object, H extends object>(visible: T, hidden: H): T & H {
  for (const [name, value] of Object.entries(hidden)) Object.defineProperty(visible, name, { value });
  return visible as T & H;
}

export function startedTransaction(data: Json): StartedTransaction {
  const device = json.optional(json.object, data, "device");
  return withHidden(
    {
      transactionId: json.string(data, "transaction_id"),
      authMethod: json.string(data, "auth_method"),
      timeToLive: json.number(data, "time_to_live"),
      device: device && { name: json.string(device, "name"), platform: json.string(device, "platform") },
      verificationNumber: json.optional(json.string, data, "verification_number"),
      codeToPhone: data.code_to_phone === true,
    },
    { qrData: json.optional(json.string, data, "otp"), raw: data },
  );
}

const STATUSES: readonly string[] = ["pending", "authenticated", "not_authenticated", "expired", "cancelled"];

function status(data: Json): Status {
  const value = json.string(data, "status");
  if (!STATUSES.includes(value)) throw new json.InvalidMember("status");
  return value as Status;
}

export function transactionResult(data: Json): TransactionResult {
  const reason = json.optional(json.object, data, "not_authenticated_reason");
  const device = json.optional(json.object, data, "device");
  return withHidden(
    {
      transactionId: json.string(data, "transaction_id"),
      status: status(data),
      isAuthenticated: json.boolean(data, "is_authenticated"),
      userId: json.string(data, "user_id"),
      timestamp: json.number(data, "timestamp"),
      callbackUri: json.optional(json.string, data, "callback_uri"),
      authenticationMethod: json.optional(json.string, data, "authentication_method"),
      usedAuthenticationAttempts: json.optional(json.number, data, "used_authentication_attempts"),
      signature: json.optional(json.string, data, "signature"),
      userPublicKey: json.optional(json.string, data, "user_public_key"),
      signatureVerified: json.optional(json.boolean, data, "signature_verified"),
      fraudReported: data.fraud_reported === true,
      devicePlatform: device && json.string(device, "platform"),
      notAuthenticatedReason: reason && {
        reason: json.string(reason, "reason"),
        description: json.string(reason, "description"),
      },
    },
    { raw: data },
  );
}

function enrolledDevice(data: Json): EnrolledDevice {
  return {
    appId: json.string(data, "app_id"),
    appName: json.string(data, "app_name"),
    deviceId: json.string(data, "device_id"),
    deviceName: json.string(data, "device_name"),
    platform: json.string(data, "platform"),
  };
}

export function availableType(data: Json): AvailableType {
  return withHidden(
    {
      type: json.string(data, "type"),
      method: json.string(data, "method"),
      smsFallbackAllowed: data.sms_fallback_allowed === true,
      devices: (json.optional(json.list, data, "apps_enrolled_for_push") ?? []).map(enrolledDevice),
    },
    { raw: data },
  );
}

export function userDevice(data: Json): UserDevice {
  return withHidden(
    {
      id: json.string(data, "id"),
      name: json.string(data, "name"),
      application: json.string(data, "application"),
      platform: json.string(data, "platform"),
      model: json.string(data, "model"),
      osVersion: json.string(data, "osVersion"),
      createdAt: json.number(data, "createdAt"),
      lastLogin: json.number(data, "lastLogin"),
      tokenTypes: json.strings(data, "tokenTypes"),
      mobileAuthenticationEnabled: json.boolean(data, "mobileAuthenticationEnabled"),
      pushAuthenticationEnabled: json.boolean(data, "pushAuthenticationEnabled"),
      keyKind: json.optional(json.string, data, "keyKind"),
    },
    { raw: data },
  );
}

export function enrollmentCode(data: Json): EnrollmentCode {
  return withHidden(
    { expiresAt: json.number(data, "expires_at") },
    {
      enrollmentCode: json.string(data, "enrollment_code"),
      enrollmentUri: json.string(data, "enrollment_uri"),
      webEnrollmentUri: json.optional(json.string, data, "web_enrollment_uri"),
      raw: data,
    },
  );
}

function auditEvent(data: Json): AuditEvent {
  return withHidden(
    {
      eventIdentifier: json.string(data, "event_identifier"),
      eventName: json.string(data, "event_name"),
      eventType: json.string(data, "event_type"),
      clientId: json.string(data, "client_id"),
      appName: json.string(data, "app_name"),
      transactionId: json.optional(json.string, data, "transaction_id"),
      userId: json.string(data, "user_id"),
      clientIp: json.optional(json.string, data, "client_ip"),
      userAgent: json.string(data, "user_agent"),
      occurred: json.number(data, "occurred"),
      details: json.object(data, "details"),
    },
    { raw: data },
  );
}

export function eventPage(data: Json): EventPage {
  const pagination = json.object(data, "pagination");
  return {
    events: json.list(data, "result_set").map(auditEvent),
    page: json.number(pagination, "page"),
    size: json.number(pagination, "size"),
    totalElements: json.number(pagination, "total_elements"),
    totalPages: json.number(pagination, "total_pages"),
  };
}
