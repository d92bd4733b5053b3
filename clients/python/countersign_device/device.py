"""A device: a small program that speaks the device API as a phone's app does."""

import base64
import json
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

from . import keys
from .errors import AuthenticatorRevoked, DeviceApiError, Disconnected, NotEnrolled
from .store import FINGERPRINT, LockedToken, SecureStore

TIMEOUT_SECONDS = 10
# A proxy of the process environment is for the way out, and the server is the one address given.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Device:
    """One user on one phone. Everything that it must remember is in its fields; `dump` and `load` keep them.

    Calls raise DeviceApiError (or a more exact class of it) when the server says no, OSError when it does not answer.
    """

    server: str
    # Made at enrolment, when the server's time is known.
    secret_key: str = ""
    device_id: str = ""
    device_token: str = ""
    profile_id: str = ""
    server_public_key: str = ""
    pin_token: LockedToken | None = None
    secure_store: SecureStore = field(default_factory=SecureStore)
    # What the server's clock is ahead of this device's, in seconds; None before the first response.
    clock_difference: float | None = None

    @classmethod
    def load(cls, text: str) -> Self:
        stored = json.loads(text)
        pin_token, store = stored.get("pin_token"), stored.get("secure_store")
        return cls(
            **{
                **stored,
                "pin_token": LockedToken(**pin_token) if pin_token else None,
                "secure_store": SecureStore(**(store or {})),
            }
        )

    def dump(self) -> str:
        return json.dumps(asdict(self))

    def add_user(self) -> Self:
        """Return one more user of the same phone, with a key of their own; enrol it with that user's code."""
        return replace(
            self,
            secret_key="",
            profile_id="",
            server_public_key="",
            pin_token=None,
            secure_store=SecureStore(),
        )

    # Enrolment

    def enroll(  # noqa: PLR0913 - the members of the request
        self,
        code: str,
        *,
        application_id: str,
        platform: str = "android",
        app_version: str = "1.0.0",
        device_name: str = "Phone",
        device_model: str = "",
        os_version: str = "",
    ) -> None:
        """Enrol this user's key with a one-time code. A phone that the server has forgotten enrols as a new one."""
        if not self.secret_key:
            self.secret_key = self.new_secret_key()
        body = {
            "enrollment_code": code,
            "public_key": keys.public_key(self.secret_key),
            "application_id": application_id,
            "platform": platform,
            "app_version": app_version,
            "device_name": device_name,
            "device_model": device_model,
            "os_version": os_version,
        }
        try:
            enrolled = self.call("POST", "/device/v1/enrollments", body)
        except NotEnrolled:
            if not self.device_token:
                raise
            self.device_token = ""
            enrolled = self.call("POST", "/device/v1/enrollments", body)
        self.device_id, self.profile_id = enrolled["device_id"], enrolled["profile_id"]
        self.device_token = enrolled.get("device_token", self.device_token)
        self.server_public_key = enrolled["server_public_key"]
        # An enrolment leaves no authenticator of before.
        self.pin_token, self.secure_store = None, SecureStore()

    def enrollments(self) -> list[dict[str, Any]]:
        """List the users of this phone with what their screens need: version, push, lock, PIN and authenticators."""
        profiles: list[dict[str, Any]] = self.call("GET", "/device/v1/enrollments")["profiles"]
        return profiles

    def enroll_push(self, push_token: str) -> None:
        """Tell the server how a push reaches this user."""
        self.call("PUT", f"/device/v1/enrollments/{self.profile_id}/push", {"push_token": push_token})

    def replace_push_token(self, old: str, new: str) -> None:
        """Tell the server that the push provider gave this phone a new token: for all of its users."""
        self.call("PUT", "/device/v1/push-token", {"old_push_token": old, "push_token": new})

    def unenroll(self) -> None:
        """Take the user off this phone: keys, tokens and push are gone, and with the last user the device token."""
        self.call("DELETE", f"/device/v1/enrollments/{self.profile_id}")

    def reset(self) -> None:
        """Forget the user here, after the server has: the next enrolment begins with a new key."""
        self.secret_key, self.profile_id, self.server_public_key = "", "", ""
        self.pin_token, self.secure_store = None, SecureStore()

    # Authenticators

    def register_pin(self, pin: str, *, current_pin: str = "") -> None:
        """Set a PIN, or replace it with the help of the current one. The server never sees either."""
        self.pin_token = LockedToken.lock(self._register({"type": "pin"}, current_pin), pin)

    def register_fingerprint(self, *, pin: str) -> None:
        """Let the fingerprint approve from now on; it takes the PIN."""
        self.secure_store.save(FINGERPRINT, self._register({"type": "fingerprint"}, pin))

    def register_custom(self, authenticator_id: str, *, pin: str) -> None:
        """Let an authenticator of the application's list approve from now on; it takes the PIN."""
        members = {"type": "custom", "authenticator_id": authenticator_id}
        self.secure_store.save(authenticator_id, self._register(members, pin))

    def _register(self, members: dict[str, Any], pin: str) -> str:
        """Register an authenticator and return its token. InvalidPin is counted, Disconnected ends everything."""
        content = {**members, "nonce": secrets.token_urlsafe(24), "issued_at": round(self.server_time() * 1000)}
        if pin:
            content["pin_token"] = self._pin_token(pin)
        path = f"/device/v1/enrollments/{self.profile_id}/authenticators"
        try:
            response = self.call("POST", path, {"message": self.seal(content)})
        except Disconnected:
            self.reset()
            raise
        return str(self.open(response["message"])["token"])

    def _pin_token(self, pin: str) -> str:
        if self.pin_token is None:
            raise ValueError("no PIN is set on this device")
        return self.pin_token.unlock(pin)

    # Transactions

    def pending(self) -> list[dict[str, Any]]:
        """List what waits for an answer, for all users of this phone, oldest first."""
        transactions: list[dict[str, Any]] = self.call("GET", "/device/v1/transactions")["transactions"]
        return transactions

    def fetch(self, transaction_id: str) -> dict[str, Any]:
        """Fetch the challenge of a transaction and open it; ValueError when it is not the server's, or another's."""
        sealed = self.call("POST", f"/device/v1/transactions/{transaction_id}/fetch", {"profile_id": self.profile_id})
        challenge = self.open(sealed["message"])
        if challenge.get("transaction_id") != transaction_id:
            raise ValueError("the challenge of another transaction")
        return challenge

    def claim_otp(self, otp: str) -> dict[str, Any]:
        """Bind a scanned one-time password to this user and open its challenge."""
        return self.open(self.call("POST", "/device/v1/otp", {"profile_id": self.profile_id, "otp": otp})["message"])

    def answer(
        self, challenge: dict[str, Any], *, approve: bool, pin: str = "", authenticator: str = "", number: str = ""
    ) -> str:
        """Approve or deny; returns the transaction's status.

        An approval carries what the PIN or the authenticator (FINGERPRINT, or the id of a custom one) unlocks, the
        `number` that the portal shows when the challenge has `number_matching_digits`, and a signature when it asks
        for one. InvalidPin and AuthenticatorRevoked leave the transaction open.
        """
        message = self.sealed_answer(challenge, approve=approve, pin=pin, authenticator=authenticator, number=number)
        try:
            return self.send_answer(challenge["transaction_id"], message)
        except AuthenticatorRevoked:
            self.secure_store.delete(authenticator)
            raise
        except Disconnected:
            self.reset()
            raise

    def sealed_answer(
        self, challenge: dict[str, Any], *, approve: bool, pin: str = "", authenticator: str = "", number: str = ""
    ) -> str:
        """Seal an answer. When no reply comes to it, these very bytes may be sent again: they are judged once."""
        content: dict[str, Any] = {
            "transaction_id": challenge["transaction_id"],
            "token": challenge["token"],
            "authenticated": approve,
        }
        if approve and (credential := self._credential(pin, authenticator)):
            content["credential"] = credential
        if approve and number:
            content["number"] = number
        if approve and challenge["type"]["transaction_signing"]:
            content["signature"] = self.sign(challenge["signing_data"])
        return self.seal(content)

    def _credential(self, pin: str, authenticator: str) -> dict[str, str]:
        if pin:
            return {"type": "pin", "token": self._pin_token(pin)}
        if not authenticator:
            return {}
        token = self.secure_store.unlock(authenticator)
        if authenticator == FINGERPRINT:
            return {"type": "fingerprint", "token": token}
        return {"type": "custom", "authenticator_id": authenticator, "token": token}

    def send_answer(self, transaction_id: str, message: str) -> str:
        path = f"/device/v1/transactions/{transaction_id}/answer"
        status: str = self.call("POST", path, {"message": message})["status"]
        return status

    # Cryptography

    def seal(self, content: dict[str, Any]) -> str:
        """Sign with this device's key, encrypt to the server's."""
        return keys.seal(content, self.secret_key, self.server_public_key, at=self.server_time())

    def open(self, message: str) -> dict[str, Any]:
        """Open a sealed message of the server; ValueError when it is not signed by it."""
        return keys.open_sealed(message, self.secret_key, self.server_public_key, at=self.server_time())

    def sign(self, data: str) -> str:
        """Sign a portal's data with this device's primary key; base64."""
        return base64.b64encode(keys.sign(data.encode(), self.secret_key)).decode()

    def new_secret_key(self, kind: keys.KeyKind = keys.KeyKind.CURVE25519) -> str:
        """Make a key that is as old as the server's clock says: it asks the server once if it has not done so yet."""
        if self.clock_difference is None:
            self._update_clock_difference(self.exchange("GET", "/device/v1/enrollments", None)[1])
        return keys.new_secret_key(kind, at=self.server_time())

    # The server's time

    def own_time(self) -> float:
        """Return this device's time in seconds since the epoch. It can be wrong."""
        return time.time()

    def server_time(self) -> float:
        """Return the server's time, as the last response's `Date` header told it."""
        return self.own_time() + (self.clock_difference or 0)

    def _update_clock_difference(self, date: str) -> None:
        try:
            self.clock_difference = parsedate_to_datetime(date).timestamp() - self.own_time()
        except ValueError:
            # Without a date, or with a malformed one: what was known stays.
            return

    # HTTP

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the device API; DeviceApiError when the answer is not a success, OSError when there is none."""
        status, date, content = self.exchange(method, path, body)
        self._update_clock_difference(date)
        if status >= HTTPStatus.BAD_REQUEST:
            raise DeviceApiError.from_response(status, _members(content))
        return json.loads(content or b"{}")  # type: ignore[no-any-return]

    def exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, str, bytes]:
        """Send a request; returns the response's status, `Date` header and body."""
        headers = {"Content-Type": "application/json"}
        if self.device_token:
            headers["Authorization"] = f"Bearer {self.device_token}"
        request = urllib.request.Request(  # noqa: S310 - the server's address comes from the owner of this device
            self.server + path,
            method=method,
            headers=headers,
            data=json.dumps(body).encode() if body is not None else None,
        )
        try:
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return response.status, response.headers.get("Date", ""), response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Date", ""), error.read()


def _members(body: bytes) -> dict[str, Any]:
    """Read an error's body; what stands between us and the server may answer without JSON."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
