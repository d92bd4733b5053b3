"""State of the visit to the demo shop."""

from dataclasses import dataclass
from enum import StrEnum


class SignInMethod(StrEnum):
    """Authentication method of a sign-in or payment."""

    PUSH = "push"
    PIN = "pin"
    FINGERPRINT = "fingerprint"
    # Available after a sign-in: the customer signs the payment.
    PAYMENT = "payment"
    # The phone shows a code, which the customer enters in the shop.
    CODE = "code"
    SMS = "sms"
    OTP = "otp"


class Status(StrEnum):
    SIGNED_OUT = "signed_out"
    WAITING = "waiting"
    ENTER_CODE = "enter_code"
    SCAN = "scan"
    SIGNED_IN = "signed_in"
    PAID = "paid"
    DENIED = "denied"
    EXPIRED = "expired"
    FAILED = "failed"


# Status of the shop while the transaction is pending.
PENDING = {
    SignInMethod.PUSH: Status.WAITING,
    SignInMethod.PIN: Status.WAITING,
    SignInMethod.FINGERPRINT: Status.WAITING,
    SignInMethod.PAYMENT: Status.WAITING,
    SignInMethod.CODE: Status.ENTER_CODE,
    SignInMethod.SMS: Status.ENTER_CODE,
    SignInMethod.OTP: Status.SCAN,
}


@dataclass(frozen=True)
class Visit:
    """Visit to the shop. Times are in seconds since the epoch.

    `message` explains a failure or a wrong code. `attempts_left` is None without an attempt limit. `otp` is the content
    of the QR code, and `number` the verification number of number matching.
    """

    status: Status = Status.SIGNED_OUT
    message: str = ""
    transaction_id: str = ""
    started_at: float = 0.0
    ends_at: float = 0.0
    method: SignInMethod = SignInMethod.PUSH
    attempts_left: int | None = None
    resends_left: int = 0
    otp: str = ""
    number: str = ""

    @property
    def is_pending(self) -> bool:
        return self.status in PENDING.values()
