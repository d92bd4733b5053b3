// Portal API of the fake server.

import { FakeError, require } from "./fake-errors.ts";
import { FakeTransaction, isPush } from "./fake-state.ts";
import type { FakeDevice, FakeType, Outcome } from "./fake-state.ts";

export type Fields = Readonly<Record<string, unknown>>;
const MAX_MESSAGE = 155;
const MAX_SECURE_MESSAGE = 4000;
const MAX_SIGNING_DATA = 16_000;
const LANGUAGE = /^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}$/;
const PHONE_NUMBER = /^\+[0-9]{7,15}$/;
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/;

/** Transactions of all users. */
export class PortalApi {
  readonly transactions = new Map<string, FakeTransaction>();
  readonly planned: Outcome[] = [];
  readonly #types: Readonly<Record<string, FakeType>>;
  readonly #devices: readonly FakeDevice[];
  readonly #now: () => number;

  constructor(types: Readonly<Record<string, FakeType>>, devices: readonly FakeDevice[], now: () => number) {
    this.#types = types;
    this.#devices = devices;
    this.#now = now;
  }

  start(form: Fields): Fields {
    const requested = this.#types[required(form, "type")];
    if (!requested) throw new FakeError("3005");
    validate(form, requested);
    const [type, device] = this.#resolve(requested, form);
    const transaction = new FakeTransaction({
      type,
      userId: text(form, "user_id"),
      callbackUri: type.method === "sms" ? "" : text(form, "callback_uri"),
      createdAt: this.#now(),
      device,
      planned: this.planned.shift(),
    });
    this.transactions.set(transaction.transactionId, transaction);
    return transaction.toStarted();
  }

  result(transactionId: string): Fields {
    const transaction = this.find(transactionId);
    const { planned } = transaction.request;
    // A planned outcome takes place after the first reading, so that a portal sees a pending transaction too.
    if (planned && transaction.isRead && transaction.status === "pending") transaction.apply(planned);
    transaction.isRead = true;
    return transaction.toResult();
  }

  /** Return a transaction, and expire it if its time to live has passed. */
  find(transactionId: string): FakeTransaction {
    const transaction = this.transactions.get(transactionId.toLowerCase());
    if (!transaction) throw new FakeError("3004");
    const expiresAt = transaction.request.createdAt + transaction.timeToLiveMs;
    if (transaction.status === "pending" && this.#now() >= expiresAt) transaction.apply("expire");
    return transaction;
  }

  pending(transactionId: string): FakeTransaction {
    const transaction = this.find(transactionId);
    if (transaction.status !== "pending") throw new FakeError("3004");
    return transaction;
  }

  verifySms(userId: string, form: Fields): Fields {
    const transaction = this.#pendingOf(userId, form);
    if (transaction.request.type.method !== "sms") throw new FakeError("3004");
    return verify(transaction, required(form, "sms_code"));
  }

  verifyCode(userId: string, form: Fields): Fields {
    const transaction = this.#pendingOf(userId, form);
    if (!transaction.request.type.codeToPhone) throw new FakeError("3004");
    return verify(transaction, transaction.isCodeShown ? required(form, "code") : "");
  }

  resendSms(userId: string, form: Fields): void {
    const transaction = this.pending(required(form, "transaction_id"));
    if (transaction.userId !== userId) throw new FakeError("3005");
    if (transaction.request.type.method !== "sms") throw new FakeError("3004");
    countResend(transaction);
  }

  resendPush(transactionId: string): void {
    const transaction = this.pending(transactionId);
    if (!isPush(transaction.request.type)) throw new FakeError("3004");
    countResend(transaction);
  }

  cancel(transactionId: string): void {
    this.pending(transactionId).end("cancelled");
  }

  userTypes(userId: string): Fields {
    return { enabled: this.#available(userId) };
  }

  deviceTypes(userId: string, deviceId: string): Fields {
    const isOwned = this.#devices.some((device) => device.userId === userId && device.deviceId === deviceId);
    return { enabled: isOwned ? this.#available(userId).map((item) => item.type) : [] };
  }

  #pendingOf(userId: string, form: Fields): FakeTransaction {
    const transaction = this.pending(required(form, "transaction_id"));
    if (transaction.userId !== userId) throw new FakeError("3004");
    return transaction;
  }

  #available(userId: string): Fields[] {
    if (!this.#devices.some((device) => device.userId === userId)) return [];
    const enrolled = this.#pushDevices(userId).map((device) => device.toEnrolled());
    const found: Fields[] = [];
    for (const [name, type] of Object.entries(this.#types)) {
      const members = { type: name, method: type.method.toUpperCase() };
      const hasSmsFallback = this.#hasSmsFallback(type);
      if (!isPush(type)) found.push(members);
      else if (enrolled.length > 0 || hasSmsFallback) {
        found.push({ ...members, sms_fallback_allowed: hasSmsFallback, apps_enrolled_for_push: enrolled });
      }
    }
    return found;
  }

  #hasSmsFallback(type: FakeType): boolean {
    const fallback = type.fallback === undefined ? undefined : this.#types[type.fallback];
    return fallback !== undefined && (fallback.method === "sms" || this.#hasSmsFallback(fallback));
  }

  #pushDevices(userId: string): FakeDevice[] {
    return this.#devices.filter((device) => device.userId === userId && device.isEnrolled && device.isEnrolledForPush);
  }

  /** Return the type that is started, or its fallback, and the device of a push. */
  #resolve(type: FakeType, form: Fields): [FakeType, FakeDevice | undefined] {
    if (type.method === "sms") validatePhoneNumber(form);
    if (!isPush(type)) return [type, undefined];
    const devices = this.#pushDevices(text(form, "user_id"));
    require(devices.length === 0 || "device_id" in form, "The parameter device_id is missing.");
    const device = devices.find((candidate) => candidate.deviceId === form.device_id);
    if (device) return [type, device];
    const fallback = type.fallback === undefined ? undefined : this.#types[type.fallback];
    if (!fallback) throw new FakeError("1001");
    return this.#resolve(fallback, form);
  }
}

/** Validate the parameters in the order of the documentation. */
function validate(form: Fields, type: FakeType): void {
  if (type.method === "otp") require(!("user_id" in form), "The parameter user_id must be omitted.");
  else required(form, "user_id");
  if (type.method !== "sms") validateCallback(required(form, "callback_uri"));
  if (Array.from(text(form, "message")).length > MAX_MESSAGE) throw new FakeError("1005");
  require(text(form, "signing_data").length <= MAX_SIGNING_DATA, "The parameter signing_data is invalid.");
  require(text(form, "secure_message").length <= MAX_SECURE_MESSAGE, "The parameter secure_message is invalid.");
  if (type.method === "sms") validatePhoneNumber(form);
  require(!("language_code" in form) || LANGUAGE.test(text(form, "language_code")), "language_code is invalid.");
  require(!("ip_address" in form) || ADDRESS.test(text(form, "ip_address")), "The parameter ip_address is invalid.");
}

function validateCallback(url: string): void {
  require(URL.canParse(url) && /^https?:/.test(new URL(url).protocol), "The parameter callback_uri is invalid.");
}

function validatePhoneNumber(form: Fields): void {
  if (!PHONE_NUMBER.test(text(form, "phone_number").replace(/[ .()-]/g, ""))) throw new FakeError("3001");
}

function verify(transaction: FakeTransaction, code: string): Fields {
  if (code !== transaction.code) {
    transaction.attempts += 1;
    const { maxAttempts = 3 } = transaction.request.type;
    if (transaction.attempts === maxAttempts) transaction.end("not_authenticated", "invalid_answer");
    throw new FakeError("3003");
  }
  transaction.apply("approve");
  return { transaction_id: transaction.transactionId };
}

function countResend(transaction: FakeTransaction): void {
  if (transaction.resends >= (transaction.request.type.maxResends ?? 2)) throw new FakeError("3006");
  transaction.resends += 1;
}

function text(form: Fields, name: string): string {
  const value = form[name];
  return typeof value === "string" ? value : "";
}

function required(form: Fields, name: string): string {
  require(typeof form[name] === "string", `The parameter ${name} is missing.`);
  return text(form, name);
}
