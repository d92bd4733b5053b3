"""Reference device: a client of the device API, as an app would implement it."""

import base64
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

from . import keys
from .errors import AuthenticatorRevoked, DeviceApiError, Disconnected, NotEnrolled
from .keys import KeyKind, MessageType
from .store import FINGERPRINT, LockedToken, SecureStore

TIMEOUT_SECONDS = 10
# Proxy variables of the environment do not apply to the given server.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Device:
    """One user on one device. Its fields are its complete state; `dump` and `load` serialize it.

    Calls raise DeviceApiError or a subclass for an error response, and OSError without a response.
    """

    server: str
    # Kind of the keys that enrolments create.
    kind: KeyKind = KeyKind.P256
    # Created at enrolment, when the time of the server is known.
    secret_key: str = ""
    device_id: str = ""
    device_token: str = ""
    profile_id: str = ""
    server_public_key: str = ""
    pin_token: LockedToken | None = None
    secure_store: SecureStore = field(default_factory=SecureStore)
    # Clock of the server minus clock of the device, in seconds; None before the first response.
    clock_difference: float | None = None

    @classmethod
    def load(cls, text: str) -> Self:
        stored = json.loads(text)
        pin_token, store = stored.get("pin_token"), stored.get("secure_store")
        return cls(
            **{
                **stored,
                # Devices without a stored kind have OpenPGP keys.
                "kind": KeyKind(stored.get("kind", KeyKind.CURVE25519)),
                "pin_token": LockedToken(**pin_token) if pin_token else None,
                "secure_store": SecureStore(**(store or {})),
            }
        )

    def dump(self) -> str:
        return json.dumps(asdict(self))

    def add_user(self) -> Self:
        """Return another user of the same device with its own key. Enrol it with an enrolment code of that user."""
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
        """Enrol the key of the user with an enrolment code. A device unknown to the server enrols as a new one."""
        if not self.secret_key:
            self.secret_key = self.new_secret_key()
        body = {
            "enrollment_code": code,
            **keys.enrollment_members(self.secret_key),
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
        self.server_public_key = keys.read_server_key(enrolled, self.secret_key)
        # An enrolment removes all authenticators.
        self.pin_token, self.secure_store = None, SecureStore()

    def enrollments(self) -> list[dict[str, Any]]:
        """List the profiles of this device with version status, push, lock, PIN attempts and authenticators."""
        profiles: list[dict[str, Any]] = self.call("GET", "/device/v1/enrollments")["profiles"]
        return profiles

    def enroll_push(self, push_token: str) -> None:
        """Enrol the user for push with the push token of the device."""
        self.call("PUT", f"/device/v1/enrollments/{self.profile_id}/push", {"push_token": push_token})

    def replace_push_token(self, old: str, new: str) -> None:
        """Replace the push token of all users of this device."""
        self.call("PUT", "/device/v1/push-token", {"old_push_token": old, "push_token": new})

    def unenroll(self) -> None:
        """Remove the user from this device on the server. The device token expires with the last user."""
        self.call("DELETE", f"/device/v1/enrollments/{self.profile_id}")

    def reset(self) -> None:
        """Delete the local data of the user. The next enrolment creates a new key."""
        self.secret_key, self.profile_id, self.server_public_key = "", "", ""
        self.pin_token, self.secure_store = None, SecureStore()

    # Authenticators

    def register_pin(self, pin: str, *, current_pin: str = "") -> None:
        """Register a PIN, or replace it with the current one. PINs are never sent to the server."""
        self.pin_token = LockedToken.lock(self._register({"type": "pin"}, current_pin), pin)

    def register_fingerprint(self, *, pin: str) -> None:
        """Register the fingerprint. Requires the PIN."""
        self.secure_store.save(FINGERPRINT, self._register({"type": "fingerprint"}, pin))

    def register_custom(self, authenticator_id: str, *, pin: str) -> None:
        """Register a custom authenticator of the application. Requires the PIN."""
        members = {"type": "custom", "authenticator_id": authenticator_id}
        self.secure_store.save(authenticator_id, self._register(members, pin))

    def _register(self, members: dict[str, Any], pin: str) -> str:
        """Register an authenticator and return its token. Resets the device if the server disconnects the user."""
        content = {**members, "nonce": secrets.token_urlsafe(24), "issued_at": round(self.server_time() * 1000)}
        if pin:
            content["pin_token"] = self._pin_token(pin)
        path = f"/device/v1/enrollments/{self.profile_id}/authenticators"
        try:
            response = self.call("POST", path, {"message": self.seal(content, MessageType.REGISTRATION)})
        except Disconnected:
            self.reset()
            raise
        return str(self.open(response["message"], MessageType.TOKEN)["token"])

    def _pin_token(self, pin: str) -> str:
        if self.pin_token is None:
            raise ValueError("no PIN is set on this device")
        return self.pin_token.unlock(pin)

    # Transactions

    def pending(self) -> list[dict[str, Any]]:
        """List the pending transactions of all users of this device, oldest first."""
        transactions: list[dict[str, Any]] = self.call("GET", "/device/v1/transactions")["transactions"]
        return transactions

    def fetch(self, transaction_id: str) -> dict[str, Any]:
        """Fetch and open the challenge of a transaction. Raises ValueError for an invalid challenge."""
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
        """Approve or deny a transaction, and return its status.

        An approval contains the token that the PIN or the authenticator unlocks (FINGERPRINT, or the id of a custom
        one), the `number` of the portal if the challenge has `number_matching_digits`, and a signature if the type
        requires one. After InvalidPin and AuthenticatorRevoked, the transaction stays pending.
        """
        message = self.sealed_answer(challenge, approve=approve, pin=pin, authenticator=authenticator, number=number)
        with self._deleting_revoked(authenticator):
            return self.send_answer(challenge["transaction_id"], message)

    @contextmanager
    def _deleting_revoked(self, authenticator: str) -> Iterator[None]:
        """Delete what the server has revoked because of a wrong credential."""
        try:
            yield
        except AuthenticatorRevoked:
            self.secure_store.delete(authenticator)
            raise
        except Disconnected:
            self.reset()
            raise

    def sealed_answer(
        self, challenge: dict[str, Any], *, approve: bool, pin: str = "", authenticator: str = "", number: str = ""
    ) -> str:
        """Seal an answer. Without a response, the same bytes can be sent again: they are verified once."""
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

    def fetch_code(self, challenge: dict[str, Any], *, pin: str = "", authenticator: str = "") -> str:
        """Return the code of a challenge with `code_to_phone`, which the user enters in the portal.

        The challenge of a push already contains it. Other methods need the PIN or the authenticator, as for an
        approval. Raises the errors of `answer`.
        """
        if "code" in challenge:
            return str(challenge["code"])
        message = self.sealed_code_request(challenge, pin=pin, authenticator=authenticator)
        with self._deleting_revoked(authenticator):
            return self.send_code_request(challenge["transaction_id"], message)

    def sealed_code_request(self, challenge: dict[str, Any], *, pin: str = "", authenticator: str = "") -> str:
        """Seal the request of a code. Without a response, the same bytes can be sent again: they are verified once."""
        content: dict[str, Any] = {"transaction_id": challenge["transaction_id"], "token": challenge["token"]}
        if credential := self._credential(pin, authenticator):
            content["credential"] = credential
        return self.seal(content)

    def send_code_request(self, transaction_id: str, message: str) -> str:
        sealed = self.call("POST", f"/device/v1/transactions/{transaction_id}/code", {"message": message})
        return str(self.open(sealed["message"], MessageType.TOKEN)["code"])

    # Cryptography

    def seal(self, content: dict[str, Any], typ: MessageType = MessageType.ANSWER) -> str:
        """Sign with the key of the device and encrypt to the key of the server."""
        return keys.seal(content, typ, self.secret_key, self.server_public_key, at=self.server_time())

    def open(self, message: str, typ: MessageType = MessageType.CHALLENGE) -> dict[str, Any]:
        """Open a sealed message of the server. Raises ValueError if the server has not signed it as this type."""
        return keys.open_sealed(message, typ, self.secret_key, self.server_public_key, at=self.server_time())

    def sign(self, data: str) -> str:
        """Sign data of a portal with the key of the device; base64."""
        return base64.b64encode(keys.sign(data.encode(), self.secret_key)).decode()

    def new_secret_key(self, kind: KeyKind | None = None) -> str:
        """Create a key, of the kind of this device by default.

        OpenPGP keys have a time of creation: the time of the server, which is requested if it is not known yet.
        """
        kind = kind or self.kind
        if kind.is_openpgp and self.clock_difference is None:
            self._update_clock_difference(self.exchange("GET", "/device/v1/enrollments", None)[1])
        return keys.new_secret_key(kind, at=self.server_time())

    # The server's time

    def own_time(self) -> float:
        """Return the time of the device in seconds since the epoch. It can be wrong."""
        return time.time()

    def server_time(self) -> float:
        """Return the time of the server, from the `Date` header of the last response."""
        return self.own_time() + (self.clock_difference or 0)

    def _update_clock_difference(self, date: str) -> None:
        try:
            self.clock_difference = parsedate_to_datetime(date).timestamp() - self.own_time()
        except ValueError:
            # A missing or malformed date does not change the difference.
            return

    # HTTP

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the device API. Raises DeviceApiError for an error response, OSError without a response."""
        status, date, content = self.exchange(method, path, body)
        self._update_clock_difference(date)
        if status >= HTTPStatus.BAD_REQUEST:
            raise DeviceApiError.from_response(status, _members(content))
        return json.loads(content or b"{}")  # type: ignore[no-any-return]

    def exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, str, bytes]:
        """Send a request, and return the status, the `Date` header and the body of the response."""
        headers = {"Content-Type": "application/json"}
        if self.device_token:
            headers["Authorization"] = f"Bearer {self.device_token}"
        request = urllib.request.Request(  # noqa: S310 - the caller chooses the server
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
    """Parse the body of an error response. A proxy can return a body without JSON."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
