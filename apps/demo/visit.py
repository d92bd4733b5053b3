"""Where the customer's visit to the demo's shop stands."""

from dataclasses import dataclass
from enum import StrEnum


class SignInMethod(StrEnum):
    """How the customer proves who she is."""

    PUSH = "push"
    PIN = "pin"
    FINGERPRINT = "fingerprint"
    # Signed in already: the customer signs what she pays.
    PAYMENT = "payment"
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


# What the shop shows while the transaction is pending.
PENDING = {
    SignInMethod.PUSH: Status.WAITING,
    SignInMethod.PIN: Status.WAITING,
    SignInMethod.FINGERPRINT: Status.WAITING,
    SignInMethod.PAYMENT: Status.WAITING,
    SignInMethod.SMS: Status.ENTER_CODE,
    SignInMethod.OTP: Status.SCAN,
}


@dataclass(frozen=True)
class Visit:
    """`text` says why it FAILED, or what was wrong with a code; times in seconds since the epoch.

    `attempts_left` is None when codes can be tried until they expire. `otp` is what the QR code says, `number` what the
    customer enters on her phone when the type wants that.
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
