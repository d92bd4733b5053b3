"""Objects that the library returns. `raw` has all members of the response, also those of later versions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Mapping[str, Any]
Status = Literal["pending", "authenticated", "not_authenticated", "expired", "cancelled"]


def _optional(build: Callable[[Json], Any], data: Json, name: str) -> Any:
    return build(data[name]) if name in data else None


@dataclass(frozen=True)
class DeviceName:
    """Device that received the push."""

    name: str
    platform: str

    @classmethod
    def from_json(cls, data: Json) -> "DeviceName":
        return cls(str(data["name"]), str(data["platform"]))


@dataclass(frozen=True)
class StartedTransaction:
    """Transaction that was started. `auth_method` is the method of the type or of its fallback.

    `time_to_live` is in milliseconds. If there is a `verification_number`, show it to the user.
    """

    transaction_id: str
    auth_method: str
    time_to_live: int
    device: DeviceName | None = None
    otp: str | None = field(default=None, repr=False)
    verification_number: str | None = None
    code_to_phone: bool = False
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def qr_data(self) -> str:
        """Return the one-time password as text for a QR code or a link. Raises ValueError for other methods."""
        if self.otp is None:
            raise ValueError(f"a transaction of the method {self.auth_method} has no one-time password")
        return self.otp

    @classmethod
    def from_json(cls, data: Json) -> "StartedTransaction":
        return cls(
            transaction_id=str(data["transaction_id"]),
            auth_method=str(data["auth_method"]),
            time_to_live=int(data["time_to_live"]),
            device=_optional(DeviceName.from_json, data, "device"),
            otp=data.get("otp"),
            verification_number=data.get("verification_number"),
            code_to_phone=data.get("code_to_phone") is True,
            raw=data,
        )


@dataclass(frozen=True)
class NotAuthenticatedReason:
    """Reason of a failure: `failed_to_send`, `invalid_request`, `not_accepted` or `invalid_answer`."""

    reason: str
    description: str

    @classmethod
    def from_json(cls, data: Json) -> "NotAuthenticatedReason":
        return cls(str(data["reason"]), str(data["description"]))


@dataclass(frozen=True)
class TransactionResult:
    """Result of a transaction. Sign `user_id` in only if `is_authenticated` is True.

    `timestamp` is the time of the start in milliseconds since the epoch. `device_platform` is "web" if the device is a
    browser.
    """

    transaction_id: str
    status: Status
    is_authenticated: bool
    user_id: str
    timestamp: int
    callback_uri: str | None = None
    authentication_method: str | None = None
    used_authentication_attempts: int | None = None
    signature: str | None = None
    user_public_key: str | None = None
    signature_verified: bool | None = None
    fraud_reported: bool = False
    device_platform: str | None = None
    not_authenticated_reason: NotAuthenticatedReason | None = None
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_pending(self) -> bool:
        """Return True if the transaction has not ended."""
        return self.status == "pending"

    @classmethod
    def from_json(cls, data: Json) -> "TransactionResult":
        return cls(
            transaction_id=str(data["transaction_id"]),
            status=data["status"],
            # Only the JSON value true counts.
            is_authenticated=data["is_authenticated"] is True,
            user_id=str(data["user_id"]),
            timestamp=int(data["timestamp"]),
            callback_uri=data.get("callback_uri"),
            authentication_method=data.get("authentication_method"),
            used_authentication_attempts=data.get("used_authentication_attempts"),
            signature=data.get("signature"),
            user_public_key=data.get("user_public_key"),
            signature_verified=data.get("signature_verified"),
            fraud_reported=data.get("fraud_reported") is True,
            device_platform=_optional(lambda device: str(device["platform"]), data, "device"),
            not_authenticated_reason=_optional(NotAuthenticatedReason.from_json, data, "not_authenticated_reason"),
            raw=data,
        )


@dataclass(frozen=True)
class EnrolledDevice:
    """Device on which a user is enrolled for push."""

    app_id: str
    app_name: str
    device_id: str
    device_name: str
    platform: str

    @classmethod
    def from_json(cls, data: Json) -> "EnrolledDevice":
        names = ("app_id", "app_name", "device_id", "device_name", "platform")
        return cls(**{name: str(data[name]) for name in names})


@dataclass(frozen=True)
class AvailableType:
    """Mobile authentication type that is available to a user. `method` is in upper case."""

    type: str
    method: str
    sms_fallback_allowed: bool = False
    devices: tuple[EnrolledDevice, ...] = ()
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, data: Json) -> "AvailableType":
        devices = tuple(EnrolledDevice.from_json(item) for item in data.get("apps_enrolled_for_push", []))
        return cls(str(data["type"]), str(data["method"]), data.get("sms_fallback_allowed") is True, devices, data)


@dataclass(frozen=True)
class UserDevice:
    """Device of a user. Timestamps are in milliseconds since the epoch.

    `token_types` are the registered authenticators: DEFAULT (PIN), FINGER_PRINT, CUSTOM_AUTHENTICATOR.
    """

    id: str
    name: str
    application: str
    platform: str
    model: str
    os_version: str
    created_at: int
    last_login: int
    token_types: tuple[str, ...]
    mobile_authentication_enabled: bool
    push_authentication_enabled: bool
    key_kind: str | None = None
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, data: Json) -> "UserDevice":
        return cls(
            id=str(data["id"]),
            name=str(data["name"]),
            application=str(data["application"]),
            platform=str(data["platform"]),
            model=str(data["model"]),
            os_version=str(data["osVersion"]),
            created_at=int(data["createdAt"]),
            last_login=int(data["lastLogin"]),
            token_types=tuple(data["tokenTypes"]),
            mobile_authentication_enabled=data["mobileAuthenticationEnabled"] is True,
            push_authentication_enabled=data["pushAuthenticationEnabled"] is True,
            key_kind=data.get("keyKind"),
            raw=data,
        )


@dataclass(frozen=True)
class EnrollmentCode:
    """Enrolment code for a single use, with the link for a QR code. `expires_at` is in milliseconds since the epoch."""

    enrollment_code: str = field(repr=False)
    enrollment_uri: str = field(repr=False)
    expires_at: int
    web_enrollment_uri: str | None = field(default=None, repr=False)
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, data: Json) -> "EnrollmentCode":
        return cls(
            enrollment_code=str(data["enrollment_code"]),
            enrollment_uri=str(data["enrollment_uri"]),
            expires_at=int(data["expires_at"]),
            web_enrollment_uri=data.get("web_enrollment_uri"),
            raw=data,
        )


@dataclass(frozen=True)
class Event:
    """Event of the audit log. `occurred` is in milliseconds since the epoch."""

    event_identifier: str
    event_name: str
    event_type: str
    client_id: str
    app_name: str
    transaction_id: str | None
    user_id: str
    client_ip: str | None
    user_agent: str
    occurred: int
    details: Json
    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, data: Json) -> "Event":
        names = ("event_identifier", "event_name", "event_type", "client_id", "app_name", "user_id", "user_agent")
        return cls(
            **{name: str(data[name]) for name in names},
            transaction_id=data["transaction_id"],
            client_ip=data["client_ip"],
            occurred=int(data["occurred"]),
            details=data["details"],
            raw=data,
        )


@dataclass(frozen=True)
class EventPage:
    """Page of events, newest first."""

    events: tuple[Event, ...]
    page: int
    size: int
    total_elements: int
    total_pages: int

    @classmethod
    def from_json(cls, data: Json) -> "EventPage":
        pagination = data["pagination"]
        numbers = {name: int(pagination[name]) for name in ("page", "size", "total_elements", "total_pages")}
        return cls(tuple(Event.from_json(item) for item in data["result_set"]), **numbers)
