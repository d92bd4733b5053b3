"""Types of audit events, with the names of the Onegini Token Server. Each declares its facts."""

from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar

from apps.events.facts import (
    AttemptFacts,
    AuthenticatorActionFacts,
    AuthenticatorFacts,
    ChangeFacts,
    CibaRequestFacts,
    ClientFacts,
    ContextFacts,
    CredentialFacts,
    DeliveryFacts,
    DeviceActionFacts,
    DeviceFacts,
    DeviceListFacts,
    EndFacts,
    EnrollmentCodeFacts,
    EnrollmentFailureFacts,
    ExportFacts,
    FailedApiAccessFacts,
    FailedFactorFacts,
    FetchFailureFacts,
    ImportFacts,
    InvalidRequestFacts,
    KeyFacts,
    LimitFacts,
    NoFacts,
    ObjectFacts,
    ProfileFacts,
    PushDeliveryFacts,
    PushEnrollmentFailureFacts,
    RecoveryCodeFacts,
    RedeliveryFacts,
    RenamedFactorFacts,
    RequestFacts,
    ResendFacts,
    ResendFailureFacts,
    SecondFactorFacts,
    StaffFacts,
    StartFacts,
    StatusFacts,
    TestCallbackFacts,
    TestPushFacts,
    TestSmsFacts,
    TransactionFacts,
    UnavailableTypeFacts,
    UserFacts,
    UserLockFacts,
    UserUnlockFacts,
)

Facts = TypeVar("Facts", bound=Mapping[str, Any])


class EventType(str, Generic[Facts]):
    """Name of an event, and the class of its facts. The name is stored and published."""

    facts: type[Facts]

    def __new__(cls, name: str, facts: type[Facts]) -> Self:
        event_type = super().__new__(cls, name)
        event_type.facts = facts
        return event_type

    def __reduce__(self) -> tuple[Any, ...]:
        return EventType, (str(self), self.facts)

    def require(self, facts: Mapping[str, Any]) -> None:
        """Raise TypeError if a required fact is missing or a fact is not declared."""
        required, optional = self.facts.__required_keys__, self.facts.__optional_keys__  # type: ignore[attr-defined]
        missing, unknown = required - facts.keys(), facts.keys() - required - optional
        if missing or unknown:
            raise TypeError(f"facts of {self}: missing {sorted(missing)}, unknown {sorted(unknown)}")


class EventTypes:
    """All event types. The published `event_name` is the type with spaces."""

    KEY_ENROLLMENT_SUCCESS = EventType("KEY_ENROLLMENT_SUCCESS", ProfileFacts)
    KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE = EventType(
        "KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE", EnrollmentFailureFacts
    )
    KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY = EventType(
        "KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY", EnrollmentFailureFacts
    )
    KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED = EventType(
        "KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED", EnrollmentFailureFacts
    )
    KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED = EventType(
        "KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED", EnrollmentFailureFacts
    )
    ENROLLMENT_CODE_CREATED = EventType("ENROLLMENT_CODE_CREATED", EnrollmentCodeFacts)
    DEVICE_UNENROLLED = EventType("DEVICE_UNENROLLED", DeviceFacts)

    PUSH_ENROLLMENT_SUCCESS = EventType("PUSH_ENROLLMENT_SUCCESS", ProfileFacts)
    PUSH_ENROLLMENT_FAILURE_FEATURE_DISABLED = EventType(
        "PUSH_ENROLLMENT_FAILURE_FEATURE_DISABLED", PushEnrollmentFailureFacts
    )
    PUSH_ENROLLMENT_FAILURE_EXISTING_PUSH_TOKEN = EventType(
        "PUSH_ENROLLMENT_FAILURE_EXISTING_PUSH_TOKEN", PushEnrollmentFailureFacts
    )
    PUSH_ENROLLMENT_FAILURE_USER_ALREADY_ENROLLED = EventType(
        "PUSH_ENROLLMENT_FAILURE_USER_ALREADY_ENROLLED", PushEnrollmentFailureFacts
    )
    PUSH_ENROLLMENT_FAILURE_KEYS_NOT_EXCHANGED = EventType(
        "PUSH_ENROLLMENT_FAILURE_KEYS_NOT_EXCHANGED", PushEnrollmentFailureFacts
    )
    PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT = EventType(
        "PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT", DeviceFacts
    )
    PUSH_ENROLLMENT_DROP_DEAD_PUSH_TOKEN = EventType("PUSH_ENROLLMENT_DROP_DEAD_PUSH_TOKEN", DeviceFacts)
    PUSH_TOKEN_REPLACED = EventType("PUSH_TOKEN_REPLACED", ProfileFacts)
    PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED = EventType("PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED", LimitFacts)
    PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER = EventType(
        "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER", TransactionFacts
    )
    SMS_AUTH_INIT_FAILURE_LIMIT_REACHED = EventType("SMS_AUTH_INIT_FAILURE_LIMIT_REACHED", LimitFacts)
    SMS_AUTH_INIT_FAILURE_COUNTRY_NOT_ALLOWED = EventType("SMS_AUTH_INIT_FAILURE_COUNTRY_NOT_ALLOWED", RequestFacts)
    PUSH_AUTH_FRAUD_REPORTED = EventType("PUSH_AUTH_FRAUD_REPORTED", TransactionFacts)
    PROFILE_LOCKED = EventType("PROFILE_LOCKED", DeviceActionFacts)
    SMS_AUTH_USER_LOCKED = EventType("SMS_AUTH_USER_LOCKED", UserLockFacts)
    SMS_AUTH_INIT_FAILURE_USER_LOCKED = EventType("SMS_AUTH_INIT_FAILURE_USER_LOCKED", RequestFacts)
    SMS_AUTH_INIT_FAILURE_PROFILE_LOCKED = EventType("SMS_AUTH_INIT_FAILURE_PROFILE_LOCKED", UnavailableTypeFacts)
    USER_UNLOCKED = EventType("USER_UNLOCKED", UserUnlockFacts)
    AUTHENTICATOR_REGISTERED = EventType("AUTHENTICATOR_REGISTERED", AuthenticatorFacts)
    AUTHENTICATOR_REVOKED = EventType("AUTHENTICATOR_REVOKED", AuthenticatorActionFacts)
    SERVER_KEY_ROTATED = EventType("SERVER_KEY_ROTATED", NoFacts)

    MOBILE_AUTH_INIT_FAILURE_INVALID_REQ = EventType("MOBILE_AUTH_INIT_FAILURE_INVALID_REQ", InvalidRequestFacts)
    PUSH_AUTH_INITIALIZED = EventType("PUSH_AUTH_INITIALIZED", StartFacts)
    PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT = EventType(
        "PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT", UnavailableTypeFacts
    )
    PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID = EventType(
        "PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID", UnavailableTypeFacts
    )
    PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE = EventType(
        "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE", UnavailableTypeFacts
    )
    PUSH_AUTH_INIT_FAILURE_DISABLED = EventType("PUSH_AUTH_INIT_FAILURE_DISABLED", UnavailableTypeFacts)
    PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG = EventType("PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG", RequestFacts)
    PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION = EventType(
        "PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION", PushDeliveryFacts
    )
    PUSH_AUTH_PUSH_SERVICE_FAILURE = EventType("PUSH_AUTH_PUSH_SERVICE_FAILURE", PushDeliveryFacts)
    PUSH_AUTH_TRANSACTION_RETRIEVED = EventType("PUSH_AUTH_TRANSACTION_RETRIEVED", StatusFacts)
    PUSH_AUTH_TRANSACTION_NOT_RETRIEVED = EventType("PUSH_AUTH_TRANSACTION_NOT_RETRIEVED", ClientFacts)
    PUSH_AUTH_CALLBACK_SENT = EventType("PUSH_AUTH_CALLBACK_SENT", DeliveryFacts)
    PUSH_AUTH_CALLBACK_FAILED = EventType("PUSH_AUTH_CALLBACK_FAILED", DeliveryFacts)

    MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED = EventType("MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED", TransactionFacts)
    MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION = EventType(
        "MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION", FetchFailureFacts
    )
    MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED = EventType(
        "MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED", FetchFailureFacts
    )
    MOBILE_AUTH_AUTHENTICATED = EventType("MOBILE_AUTH_AUTHENTICATED", EndFacts)
    MOBILE_AUTH_NOT_AUTHENTICATED = EventType("MOBILE_AUTH_NOT_AUTHENTICATED", EndFacts)
    MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN = EventType(
        "MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN", TransactionFacts
    )
    PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE = EventType(
        "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE", TransactionFacts
    )
    PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED = EventType("PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED", EndFacts)
    PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN = EventType("PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN", AttemptFacts)
    PUSH_AUTH_CODE_FETCHED = EventType("PUSH_AUTH_CODE_FETCHED", TransactionFacts)
    PUSH_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE = EventType(
        "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE", AttemptFacts
    )
    PUSH_AUTH_VALIDATION_CODE_LIMIT_EXCEEDED = EventType("PUSH_AUTH_VALIDATION_CODE_LIMIT_EXCEEDED", EndFacts)
    PUSH_AUTH_USER_LOCKED = EventType("PUSH_AUTH_USER_LOCKED", UserLockFacts)
    PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL = EventType(
        "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL", CredentialFacts
    )
    PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED = EventType("PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED", DeviceActionFacts)
    PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED = EventType(
        "PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED", AuthenticatorActionFacts
    )
    PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED = EventType(
        "PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED", AuthenticatorActionFacts
    )
    PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED = EventType("PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED", TransactionFacts)
    PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE = EventType(
        "PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE", TransactionFacts
    )
    PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE = EventType(
        "PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE", TransactionFacts
    )

    PUSH_AUTH_INIT_FAILURE_MISSING_APP_ID = EventType("PUSH_AUTH_INIT_FAILURE_MISSING_APP_ID", UnavailableTypeFacts)
    PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS = EventType(
        "PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS", UnavailableTypeFacts
    )
    PUSH_AUTH_RESEND_SUCCESS = EventType("PUSH_AUTH_RESEND_SUCCESS", ResendFacts)
    PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED = EventType(
        "PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED", ResendFailureFacts
    )
    MOBILE_AUTH_TRANSACTION_CANCELLED = EventType("MOBILE_AUTH_TRANSACTION_CANCELLED", EndFacts)

    OTP_AUTH_INITIALIZED = EventType("OTP_AUTH_INITIALIZED", StartFacts)
    OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP = EventType("OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP", UserFacts)
    OTP_AUTH_NOT_AUTHENTICATED_EXPIRED = EventType("OTP_AUTH_NOT_AUTHENTICATED_EXPIRED", EndFacts)

    SMS_AUTH_INITIALIZED = EventType("SMS_AUTH_INITIALIZED", StartFacts)
    SMS_AUTH_INIT_MESSAGE_SENT = EventType("SMS_AUTH_INIT_MESSAGE_SENT", DeliveryFacts)
    SMS_AUTH_INIT_OUTCOME_UNKNOWN = EventType("SMS_AUTH_INIT_OUTCOME_UNKNOWN", DeliveryFacts)
    SMS_AUTH_INIT_FAILURE_GATEWAY = EventType("SMS_AUTH_INIT_FAILURE_GATEWAY", DeliveryFacts)
    SMS_AUTH_INIT_FAILURE_DISABLED = EventType("SMS_AUTH_INIT_FAILURE_DISABLED", UnavailableTypeFacts)
    SMS_AUTH_INIT_FAILURE_INVALID_PHONE_NUMBER = EventType("SMS_AUTH_INIT_FAILURE_INVALID_PHONE_NUMBER", RequestFacts)
    SMS_AUTH_AUTHENTICATED = EventType("SMS_AUTH_AUTHENTICATED", EndFacts)
    SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE = EventType(
        "SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE", AttemptFacts
    )
    SMS_AUTH_NOT_AUTHENTICATED_EXPIRED = EventType("SMS_AUTH_NOT_AUTHENTICATED_EXPIRED", EndFacts)
    SMS_AUTH_VALIDATION_LIMIT_EXCEEDED = EventType("SMS_AUTH_VALIDATION_LIMIT_EXCEEDED", EndFacts)
    SMS_RESEND_SUCCEEDED = EventType("SMS_RESEND_SUCCEEDED", ResendFacts)
    SMS_RESEND_FAILED = EventType("SMS_RESEND_FAILED", ResendFailureFacts)

    GEOLOCATION_CHECK_SUCCESS = EventType("GEOLOCATION_CHECK_SUCCESS", ContextFacts)
    GEOLOCATION_CHECK_SKIPPED_DATA_MISSING = EventType("GEOLOCATION_CHECK_SKIPPED_DATA_MISSING", ContextFacts)
    GEOLOCATION_CHECK_FAILED = EventType("GEOLOCATION_CHECK_FAILED", ContextFacts)

    CIBA_REQUEST_ACCEPTED = EventType("CIBA_REQUEST_ACCEPTED", CibaRequestFacts)
    CIBA_REQUEST_REJECTED = EventType("CIBA_REQUEST_REJECTED", FailedApiAccessFacts)
    CIBA_TOKENS_ISSUED = EventType("CIBA_TOKENS_ISSUED", TransactionFacts)
    CIBA_TOKEN_REQUEST_REJECTED = EventType("CIBA_TOKEN_REQUEST_REJECTED", FailedApiAccessFacts)
    CIBA_SIGNING_KEY_CREATED = EventType("CIBA_SIGNING_KEY_CREATED", KeyFacts)

    API_AUTHENTICATION_FAILED = EventType("API_AUTHENTICATION_FAILED", FailedApiAccessFacts)
    ADMIN_CONFIGURATION_CREATED = EventType("ADMIN_CONFIGURATION_CREATED", ChangeFacts)
    ADMIN_CONFIGURATION_UPDATED = EventType("ADMIN_CONFIGURATION_UPDATED", ChangeFacts)
    ADMIN_CONFIGURATION_DELETED = EventType("ADMIN_CONFIGURATION_DELETED", ChangeFacts)
    ADMIN_CONFIGURATION_IMPORTED = EventType("ADMIN_CONFIGURATION_IMPORTED", ImportFacts)
    ADMIN_SIGN_IN_FAILED = EventType("ADMIN_SIGN_IN_FAILED", StaffFacts)
    ADMIN_SIGN_IN_LOCKED = EventType("ADMIN_SIGN_IN_LOCKED", StaffFacts)
    ADMIN_SIGN_IN_UNLOCKED = EventType("ADMIN_SIGN_IN_UNLOCKED", ObjectFacts)
    ADMIN_SECOND_FACTOR_CREATED = EventType("ADMIN_SECOND_FACTOR_CREATED", SecondFactorFacts)
    ADMIN_SECOND_FACTOR_UPDATED = EventType("ADMIN_SECOND_FACTOR_UPDATED", RenamedFactorFacts)
    ADMIN_SECOND_FACTOR_DELETED = EventType("ADMIN_SECOND_FACTOR_DELETED", SecondFactorFacts)
    ADMIN_SECOND_FACTOR_FAILED = EventType("ADMIN_SECOND_FACTOR_FAILED", FailedFactorFacts)
    ADMIN_RECOVERY_CODES_CREATED = EventType("ADMIN_RECOVERY_CODES_CREATED", ObjectFacts)
    ADMIN_RECOVERY_CODE_USED = EventType("ADMIN_RECOVERY_CODE_USED", RecoveryCodeFacts)

    ADMIN_EVENTS_EXPORTED = EventType("ADMIN_EVENTS_EXPORTED", ExportFacts)
    ADMIN_TEST_CALLBACK_SENT = EventType("ADMIN_TEST_CALLBACK_SENT", TestCallbackFacts)
    ADMIN_TEST_PUSH_SENT = EventType("ADMIN_TEST_PUSH_SENT", TestPushFacts)
    ADMIN_TEST_SMS_SENT = EventType("ADMIN_TEST_SMS_SENT", TestSmsFacts)
    ADMIN_CALLBACKS_REDELIVERED = EventType("ADMIN_CALLBACKS_REDELIVERED", RedeliveryFacts)

    API_DEVICES_LISTED = EventType("API_DEVICES_LISTED", DeviceListFacts)
    API_DEVICE_REMOVED = EventType("API_DEVICE_REMOVED", DeviceActionFacts)
    ADMIN_DEVICE_DELETED = EventType("ADMIN_DEVICE_DELETED", DeviceActionFacts)
    ADMIN_USER_DISCONNECTED = EventType("ADMIN_USER_DISCONNECTED", DeviceActionFacts)
    ADMIN_PUSH_ENROLLMENT_REVOKED = EventType("ADMIN_PUSH_ENROLLMENT_REVOKED", DeviceActionFacts)
    ADMIN_USER_CLIENT_KEYS_REVOKED = EventType("ADMIN_USER_CLIENT_KEYS_REVOKED", DeviceActionFacts)


EVENT_TYPES: tuple[EventType[Any], ...] = tuple(
    event_type for event_type in vars(EventTypes).values() if isinstance(event_type, EventType)
)
