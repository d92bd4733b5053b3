/** Device library of Countersign. */

export { Device, type DeviceOptions, type TransactionReference } from "./device.ts";
export type { AuthenticatorStatus, ProfileStatus } from "./enrollment.ts";
export * from "./errors.ts";
export type { Fetch } from "./http.ts";
export type { KeyStore, PublicJwk, PublicKeys } from "./keys.ts";
export { parseEnrollmentLink, parseOtp, type EnrollmentLink, type ScannedOtp } from "./links.ts";
export type { Lock } from "./mutex.ts";
export { PIN_SCRYPT, type Scrypt } from "./pin.ts";
export type { Authenticator, Profile } from "./profile.ts";
export { parsePush, type Push } from "./push.ts";
export type { Resumed } from "./resume.ts";
export type { EnrollmentRequest } from "./state.ts";
export { CallbackTokenStore, type Storage, type TokenStore } from "./storage.ts";
export type { AnswerStatus, Approval, Challenge, Credential, PendingTransaction } from "./transactions.ts";
export { WebCryptoKeyStore, type StoredKeys } from "./webcrypto.ts";
