// Client of the portal, user and events APIs.

import { Connection, parse, readJson, requireSuccess } from "./connection.ts";
import type { ClientOptions } from "./connection.ts";
import { TransactionNotFound, UnexpectedResponse, WaitTimeout } from "./errors.ts";
import * as json from "./json.ts";
import * as models from "./models.ts";

const PORTAL = "/oauth/api/v4/authenticate";
const USERS = "/oauth/api/v4/users";
const FIRST_POLL_MS = 500;
const MAX_POLL_MS = 3000;
const POLL_GROWTH = 1.4;
const PAGE_SIZE = 200;

/** Optional parameters of a start of every method. */
export interface MessageOptions {
  /** Name of a mobile authentication type. */
  type: string;
  message?: string | undefined;
  secureMessage?: string | undefined;
  languageCode?: string | undefined;
  ipAddress?: string | undefined;
  userAgent?: string | undefined;
  /** Default: a random key for each call. */
  idempotencyKey?: string | undefined;
}

export interface PushOptions extends MessageOptions {
  userId: string;
  callbackUri: string;
  deviceId?: string | undefined;
  /** For a fallback to SMS. */
  phoneNumber?: string | undefined;
  signingData?: string | undefined;
}

export interface SmsOptions extends MessageOptions {
  userId: string;
  phoneNumber: string;
}

export interface OtpOptions extends MessageOptions {
  callbackUri: string;
  signingData?: string | undefined;
}

/** All parameters of a start. */
export type StartOptions = MessageOptions & Partial<PushOptions>;

/** Filters of events. Dates are in milliseconds since the epoch and inclusive. */
export interface EventFilters {
  userId?: string | undefined;
  clientId?: string | undefined;
  transactionId?: string | undefined;
  eventType?: readonly string[] | undefined;
  excludeEventType?: readonly string[] | undefined;
  startDate?: number | undefined;
  endDate?: number | undefined;
}

export interface PendingTransaction {
  userId: string;
  transactionId: string;
}

/** Client of a Countersign server. Each method throws subclasses of `CountersignError`. */
export class Client {
  readonly #connection: Connection;
  readonly #pageSize: number;

  constructor(options: ClientOptions & { eventPageSize?: number }) {
    this.#connection = new Connection(options);
    this.#pageSize = options.eventPageSize ?? PAGE_SIZE;
  }

  /** Start an authentication of any type. Repeats use one idempotency key, so that it is started once. */
  async start(options: StartOptions): Promise<models.StartedTransaction> {
    const form = {
      type: options.type,
      user_id: options.userId,
      device_id: options.deviceId,
      callback_uri: options.callbackUri,
      phone_number: options.phoneNumber,
      message: options.message,
      signing_data: options.signingData,
      secure_message: options.secureMessage,
      language_code: options.languageCode,
      ip_address: options.ipAddress,
      user_agent: options.userAgent,
    };
    const headers = { "Idempotency-Key": options.idempotencyKey ?? crypto.randomUUID() };
    const response = await this.#connection.send({ method: "POST", path: `${PORTAL}/user`, form, headers });
    return parse(models.startedTransaction, response);
  }

  /** Start a push, or the fallback of the type: `authMethod` is the method that was started. */
  async startPush(options: PushOptions): Promise<models.StartedTransaction> {
    return this.start(options);
  }

  /** Send a verification code by SMS. */
  async startSms(options: SmsOptions): Promise<models.StartedTransaction> {
    return this.start(options);
  }

  /** Create a one-time password. Show `qrData` as a QR code; the user is the one whose device scans it. */
  async startOtp(options: OtpOptions): Promise<models.StartedTransaction & { readonly qrData: string }> {
    const started = await this.start(options);
    if (started.qrData === undefined) throw new UnexpectedResponse(200, "the response has no one-time password");
    return started as models.StartedTransaction & { readonly qrData: string };
  }

  /** Return the result of a transaction, at any time. */
  async result(transactionId: string): Promise<models.TransactionResult> {
    const path = `${PORTAL}/transaction/${segment(transactionId)}`;
    return parse(models.transactionResult, await this.#connection.send({ method: "GET", path }));
  }

  /** Poll until the transaction has ended, which its time to live ensures. Throws WaitTimeout. */
  async wait(transactionId: string, options: { timeoutMs?: number } = {}): Promise<models.TransactionResult> {
    const { clock } = this.#connection;
    const deadline = clock.now() + (options.timeoutMs ?? Infinity);
    for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * POLL_GROWTH, MAX_POLL_MS)) {
      const result = await this.result(transactionId);
      if (result.status !== "pending") return result;
      const remaining = deadline - clock.now();
      if (remaining <= 0) throw new WaitTimeout(transactionId);
      await clock.sleep(Math.min(pause, remaining));
    }
  }

  /** Verify a code that the user entered. Throws InvalidVerificationCode if it is wrong.
   *
   * It is not repeated after a NetworkError, because the attempt can have been counted: call `result`.
   */
  async verifySms({ userId, transactionId, code }: PendingTransaction & { code: string }): Promise<void> {
    await this.#verify(`${PORTAL}/user/${segment(userId)}/sms`, transactionId, { sms_code: code });
  }

  /** Verify the code that the device showed, if the started transaction has `codeToPhone`.
   *
   * It throws the errors of `verifySms`, and is not repeated either.
   */
  async verifyCode({ userId, transactionId, code }: PendingTransaction & { code: string }): Promise<void> {
    await this.#verify(`${PORTAL}/user/${segment(userId)}/code`, transactionId, { code });
  }

  async #verify(path: string, transactionId: string, code: Readonly<Record<string, string>>): Promise<void> {
    const form = { transaction_id: transactionId, ...code };
    const response = await this.#connection.send({ method: "POST", path, form, isRepeatable: false });
    // Another transaction in the body would be the response to another request.
    const verified = parse((data) => json.string(data, "transaction_id"), response);
    if (verified.toLowerCase() !== transactionId.toLowerCase()) {
      throw new UnexpectedResponse(response.status, "the response is of another transaction");
    }
  }

  /** Resend the SMS with the same code. */
  async resendSms({ userId, transactionId }: PendingTransaction): Promise<void> {
    const path = `${PORTAL}/user/${segment(userId)}/sms/resend`;
    const form = { transaction_id: transactionId };
    await this.#connection.send({ method: "POST", path, form, isRepeatable: false });
  }

  async resendPush(transactionId: string): Promise<void> {
    const path = `${PORTAL}/transaction/${segment(transactionId)}/resend`;
    await this.#connection.send({ method: "POST", path, isRepeatable: false });
  }

  /** Cancel a pending transaction. No callback is sent. */
  async cancel(transactionId: string): Promise<void> {
    const path = `${PORTAL}/transaction/${segment(transactionId)}`;
    const response = await this.#connection.sendTracked({ method: "DELETE", path });
    try {
      requireSuccess(response);
    } catch (error) {
      // An earlier attempt can have cancelled it without a response.
      if (!(error instanceof TransactionNotFound) || !response.isAmbiguous) throw error;
      if ((await this.result(transactionId)).status !== "cancelled") throw error;
    }
  }

  /** Return the types that are available to a user, with the devices of each. */
  async userTypes(userId: string): Promise<models.AvailableType[]> {
    const path = `${PORTAL}/user/${segment(userId)}/enabled`;
    const response = await this.#connection.send({ method: "GET", path });
    return parse((data) => json.list(data, "enabled").map(models.availableType), response);
  }

  /** Return the names of the types that are available on a device. */
  async deviceTypes(userId: string, deviceId: string): Promise<string[]> {
    const path = `${PORTAL}/user/${segment(userId)}/device/${segment(deviceId)}/enabled`;
    const response = await this.#connection.send({ method: "GET", path });
    return parse((data) => json.strings(data, "enabled"), response);
  }

  async createEnrollmentCode(userId: string, applicationId: string): Promise<models.EnrollmentCode> {
    const path = `${USERS}/${segment(userId)}/enrollment-codes`;
    const form = { application_id: applicationId };
    return parse(models.enrollmentCode, await this.#connection.send({ method: "POST", path, form }));
  }

  /** Return the devices of a user, oldest first. */
  async devices(userId: string): Promise<models.UserDevice[]> {
    const path = `${USERS}/${segment(userId)}/devices`;
    const response = await this.#connection.sendTracked({ method: "GET", path });
    if (response.status === 404 && readJson(response).error === "No devices found") return [];
    return parse((data) => json.list(data, "devices").map(models.userDevice), requireSuccess(response));
  }

  /** Delete the data of a user on a device. It is no error if there is none. */
  async deleteDevice(userId: string, deviceId: string): Promise<void> {
    await this.#connection.send({ method: "DELETE", path: devicePath(userId, deviceId) });
  }

  /** Delete the data of a user on several devices. Throws NotAllDevicesDeleted. */
  async deleteDevices(userId: string, deviceIds: Iterable<string>): Promise<void> {
    const path = `${USERS}/${segment(userId)}/devices`;
    await this.#connection.send({ method: "POST", path, json: { delete: [...deviceIds] } });
  }

  async deleteAllDevices(userId: string): Promise<void> {
    await this.#connection.send({ method: "DELETE", path: `${USERS}/${segment(userId)}/devices` });
  }

  async disableFingerprint(userId: string, deviceId: string): Promise<void> {
    await this.#connection.send({ method: "POST", path: `${devicePath(userId, deviceId)}/disableFingerprint` });
  }

  async disablePushAuthentication(userId: string, deviceId: string): Promise<void> {
    await this.#connection.send({ method: "POST", path: `${devicePath(userId, deviceId)}/disablePushAuthentication` });
  }

  async disableMobileAuthentication(userId: string, deviceId: string): Promise<void> {
    const path = `${devicePath(userId, deviceId)}/disableMobileAuthentication`;
    await this.#connection.send({ method: "POST", path });
  }

  /** Return one page of events, newest first. `size` is at most 1000. */
  async eventsPage(options: EventFilters & { page?: number; size?: number } = {}): Promise<models.EventPage> {
    const query = new URLSearchParams({ page: String(options.page ?? 0), size: String(options.size ?? 20) });
    const filters = {
      user_id: options.userId,
      client_id: options.clientId,
      transaction_id: options.transactionId,
      start_date: options.startDate,
      end_date: options.endDate,
    };
    for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, String(value));
    for (const name of options.eventType ?? []) query.append("event_type", name);
    for (const name of options.excludeEventType ?? []) query.append("exclude_event_type", name);
    return parse(
      models.eventPage,
      await this.#connection.send({ method: "GET", path: "/oauth/api/v1/events", query }),
    );
  }

  /** Iterate over all events, newest first. Pages are requested as needed.
   *
   * Events that occur meanwhile move others to the next page. The period therefore ends with the first event.
   */
  async *events(filters: EventFilters = {}): AsyncGenerator<models.AuditEvent, void, undefined> {
    let options = filters;
    let previous = new Set<string>();
    for (let page = 0; ; page += 1) {
      const found = await this.eventsPage({ ...options, page, size: this.#pageSize });
      options = { ...options, endDate: options.endDate ?? found.events[0]?.occurred };
      for (const event of found.events) if (!previous.has(event.eventIdentifier)) yield event;
      previous = new Set(found.events.map((event) => event.eventIdentifier));
      if (page + 1 >= found.totalPages) return;
    }
  }
}

/** Percent-encode a part of a path. */
function segment(text: string): string {
  // URLs of `fetch` have no parts of one or two dots, encoded or not.
  if (text === "" || text === "." || text === "..") throw new TypeError("this id cannot be part of a path");
  return encodeURIComponent(text);
}

function devicePath(userId: string, deviceId: string): string {
  return `${USERS}/${segment(userId)}/devices/${segment(deviceId)}`;
}
