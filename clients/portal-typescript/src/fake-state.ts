// State of the fake server: types, devices and transactions.

const REASONS = {
  failed_to_send: "Push message failed to be sent",
  not_accepted: "User rejected push",
  invalid_answer: "Invalid push answer",
} as const;

export type Outcome = "approve" | "deny" | "report_fraud" | "expire" | "fail_to_send";

/** Mobile authentication type. */
export interface FakeType {
  method: "push" | "push_with_pin" | "push_with_fingerprint" | "push_with_custom_authenticator" | "otp" | "sms";
  /** Seconds; default 300. */
  timeToLive?: number;
  maxResends?: number;
  /** 0: no limit; default 3. */
  maxAttempts?: number;
  fallback?: string;
  numberMatchingDigits?: number;
  codeToPhone?: boolean;
}

export function isPush(type: FakeType): boolean {
  return type.method.startsWith("push");
}

/** Device of a user, enrolled for push unless that is disabled. */
export class FakeDevice {
  isEnrolled = true;
  isEnrolledForPush = true;
  tokenTypes: string[] = [];
  readonly userId: string;
  readonly deviceId: string;
  readonly name: string;
  readonly platform: string;
  readonly createdAt: number;

  constructor(userId: string, deviceId: string, name: string, platform: string, createdAt: number) {
    this.userId = userId;
    this.deviceId = deviceId;
    this.name = name;
    this.platform = platform;
    this.createdAt = createdAt;
  }

  toJson(): Record<string, unknown> {
    return {
      id: this.deviceId,
      name: this.name,
      application: "Demo",
      model: "",
      platform: this.platform,
      osVersion: "",
      createdAt: this.createdAt,
      lastLogin: this.createdAt,
      tokenTypes: this.tokenTypes,
      mobileAuthenticationEnabled: this.isEnrolled,
      pushAuthenticationEnabled: this.isEnrolled && this.isEnrolledForPush,
      keyKind: this.isEnrolled ? "jose" : null,
    };
  }

  toEnrolled(): Record<string, string> {
    return {
      app_id: "demo",
      app_name: "Demo",
      device_id: this.deviceId,
      device_name: this.name,
      platform: this.platform,
    };
  }
}

function randomDigits(count: number): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(count)), (value) => value % 10).join("");
}

export interface FakeRequest {
  type: FakeType;
  userId: string;
  callbackUri: string;
  createdAt: number;
  device: FakeDevice | undefined;
  planned: Outcome | undefined;
}

/** Transaction with its status. `code` is sent by SMS, or shown by the device. */
export class FakeTransaction {
  readonly transactionId = crypto.randomUUID();
  readonly code = randomDigits(6);
  isCodeShown = false;
  readonly verificationNumber: string;
  readonly request: FakeRequest;
  readonly otp: string;
  userId: string;
  status = "pending";
  reason: keyof typeof REASONS | undefined;
  isFraud = false;
  isAnswered = false;
  isRead = false;
  resends = 0;
  attempts = 0;

  constructor(request: FakeRequest) {
    this.request = request;
    this.userId = request.userId;
    this.verificationNumber = randomDigits(request.type.numberMatchingDigits ?? 0);
    const secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))));
    const otp = btoa(JSON.stringify({ transaction_id: this.transactionId, otp: secret }));
    this.otp = request.type.method === "otp" ? otp : "";
  }

  get timeToLiveMs(): number {
    return (this.request.type.timeToLive ?? 300) * 1000;
  }

  end(status: string, reason?: keyof typeof REASONS): void {
    this.status = status;
    this.reason = reason;
  }

  /** End the transaction as a device, the provider or the time would. */
  apply(outcome: Outcome): void {
    if (outcome === "expire") {
      this.end("expired");
    } else if (outcome === "fail_to_send") {
      this.end("not_authenticated", "failed_to_send");
    } else {
      this.isAnswered = true;
      this.isFraud = outcome === "report_fraud";
      if (outcome === "approve") this.end("authenticated");
      else this.end("not_authenticated", "not_accepted");
    }
  }

  toStarted(): Record<string, unknown> {
    const { device, type } = this.request;
    return {
      transaction_id: this.transactionId,
      auth_method: type.method,
      time_to_live: this.timeToLiveMs,
      ...(device ? { device: { name: device.name, platform: device.platform } } : {}),
      ...(this.otp ? { otp: this.otp } : {}),
      ...(this.verificationNumber ? { verification_number: this.verificationNumber } : {}),
      ...(type.codeToPhone ? { code_to_phone: true } : {}),
    };
  }

  toResult(): Record<string, unknown> {
    const { callbackUri, createdAt, type } = this.request;
    const isAuthenticated = this.status === "authenticated";
    return {
      ...(callbackUri ? { callback_uri: callbackUri } : {}),
      transaction_id: this.transactionId,
      timestamp: Math.floor(createdAt),
      user_id: this.userId,
      is_authenticated: isAuthenticated,
      ...(this.isAnswered ? { authentication_method: type.method } : {}),
      status: this.status,
      ...(type.method === "push_with_pin" ? { used_authentication_attempts: isAuthenticated ? 1 : 0 } : {}),
      ...(this.isFraud ? { fraud_reported: true } : {}),
      ...(this.reason ? { not_authenticated_reason: { reason: this.reason, description: REASONS[this.reason] } } : {}),
    };
  }
}
