"""State of the fake server: types, devices and transactions."""

import hashlib
import secrets
import uuid
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

PUSH_METHODS = ("push", "push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator")
REASONS = {
    "failed_to_send": "Push message failed to be sent",
    "not_accepted": "User rejected push",
    "invalid_answer": "Invalid push answer",
}
Outcome = Literal["approve", "deny", "report_fraud", "expire", "fail_to_send"]


@dataclass(frozen=True)
class FakeType:
    """Mobile authentication type. `time_to_live` is in seconds; `max_attempts` 0: no limit."""

    method: str
    time_to_live: int = 300
    max_resends: int = 2
    max_attempts: int = 3
    fallback: str = ""
    number_matching_digits: int = 0
    code_to_phone: bool = False

    @property
    def is_push(self) -> bool:
        """Return True if the method is a push."""
        return self.method in PUSH_METHODS


@dataclass
class FakeDevice:
    """Device of a user, enrolled for push unless that is disabled."""

    user_id: str
    device_id: str
    name: str
    platform: str
    created_at: int
    application_id: str = "demo"
    is_enrolled: bool = True
    is_enrolled_for_push: bool = True
    token_types: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.device_id,
            "name": self.name,
            "application": self.application_id.capitalize(),
            "model": "",
            "platform": self.platform,
            "osVersion": "",
            "createdAt": self.created_at,
            "lastLogin": self.created_at,
            "tokenTypes": self.token_types,
            "mobileAuthenticationEnabled": self.is_enrolled,
            "pushAuthenticationEnabled": self.is_enrolled and self.is_enrolled_for_push,
            "keyKind": "jose" if self.is_enrolled else None,
        }

    def as_enrolled(self) -> dict[str, str]:
        return {
            "app_id": self.application_id,
            "app_name": self.application_id.capitalize(),
            "device_id": self.device_id,
            "device_name": self.name,
            "platform": self.platform,
        }


@dataclass
class FakeTransaction:
    """Transaction with its status. `code` is sent by SMS, or shown by the device."""

    type: FakeType
    user_id: str
    callback_uri: str
    created_at: float
    device: FakeDevice | None = None
    signing_data: str = ""
    planned: Outcome | None = None
    transaction_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "pending"
    reason: str = ""
    is_fraud: bool = False
    is_answered: bool = False
    resends: int = 0
    attempts: int = 0
    is_read: bool = False
    is_code_shown: bool = False
    code: str = field(default_factory=lambda: f"{secrets.randbelow(1_000_000):06}", repr=False)
    verification_number: str = ""

    def __post_init__(self) -> None:
        digits = self.type.number_matching_digits
        if digits:
            self.verification_number = f"{secrets.randbelow(10**digits):0{digits}}"

    def end(self, status: str, reason: str = "") -> None:
        self.status, self.reason = status, reason

    def apply(self, outcome: Outcome) -> None:
        """End the transaction as a device, the provider or the time would."""
        if outcome == "approve":
            self.is_answered = True
            self.end("authenticated")
        elif outcome == "expire":
            self.end("expired")
        elif outcome == "fail_to_send":
            self.end("not_authenticated", "failed_to_send")
        else:
            self.is_answered, self.is_fraud = True, outcome == "report_fraud"
            self.end("not_authenticated", "not_accepted")

    def started_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "transaction_id": self.transaction_id,
            "auth_method": self.type.method,
            "time_to_live": self.type.time_to_live * 1000,
        }
        if self.device:
            members["device"] = {"name": self.device.name, "platform": self.device.platform}
        if self.type.method == "otp":
            secret = b64encode(hashlib.sha256(self.transaction_id.encode()).digest()).decode()
            text = f'{{"transaction_id": "{self.transaction_id}", "otp": "{secret}"}}'
            members["otp"] = b64encode(text.encode()).decode()
        if self.verification_number:
            members["verification_number"] = self.verification_number
        if self.type.code_to_phone:
            members["code_to_phone"] = True
        return members

    def result_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "transaction_id": self.transaction_id,
            "timestamp": int(self.created_at * 1000),
            "user_id": self.user_id,
            "is_authenticated": self.status == "authenticated",
            "status": self.status,
        }
        if self.callback_uri:
            members["callback_uri"] = self.callback_uri
        if self.is_answered:
            members["authentication_method"] = self.type.method
        if self.type.method == "push_with_pin":
            members["used_authentication_attempts"] = int(self.status == "authenticated")
        if self.is_fraud:
            members["fraud_reported"] = True
        if self.reason:
            members["not_authenticated_reason"] = {"reason": self.reason, "description": REASONS[self.reason]}
        return members
