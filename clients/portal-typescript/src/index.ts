// Portal library of Countersign: authentications, results, callbacks, devices and events.

export { Client } from "./client.ts";
export type { EventFilters, OtpOptions, PendingTransaction, PushOptions, SmsOptions, StartOptions } from "./client.ts";
export type { ClientOptions, Clock } from "./connection.ts";
export { CallbackHandler, CallbackVerifier } from "./callbacks.ts";
export type { Callback, CallbackResponse, Credentials, RequestHeaders, VerifierOptions } from "./callbacks.ts";
export { fetchCallback, nodeCallback } from "./handlers.ts";
export type { NodeRequest, NodeResponse } from "./handlers.ts";
export type {
  AuditEvent,
  AvailableType,
  EnrolledDevice,
  EnrollmentCode,
  EventPage,
  StartedTransaction,
  Status,
  TransactionResult,
  UserDevice,
} from "./models.ts";
export {
  AccessDenied,
  ApiError,
  CountersignError,
  FeatureDisabled,
  IdempotencyInProgress,
  IdempotencyKeyReused,
  InternalError,
  InvalidCallback,
  InvalidClient,
  InvalidParameter,
  InvalidPhoneNumber,
  InvalidRequest,
  InvalidVerificationCode,
  LimitReached,
  MessageTooLong,
  NetworkError,
  NoAuthenticationPossibility,
  NotAllDevicesDeleted,
  NotFound,
  PushNotStored,
  RequestTooLarge,
  ResendLimitReached,
  ServiceUnavailable,
  SmsDisabled,
  SmsNotStored,
  TransactionNotFound,
  TypeNotFound,
  UnauthorizedClient,
  UnexpectedResponse,
  VersionMandatory,
  WaitTimeout,
} from "./errors.ts";
