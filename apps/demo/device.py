"""A device: a small program that speaks the device API as a phone's app does. It needs pysequoia and no Django."""

import json
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from typing import Any

import pysequoia
from pysequoia import Cert, Profile, Tsk

TIMEOUT_SECONDS = 10
# A proxy of the process environment is for the way out, and the server is the one address given.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(Exception):
    """The server said no: its HTTP status and its error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('error', '')}: {body.get('error_description', '')}")
        self.status = status
        self.body = body


def new_secret_key() -> str:
    """Make a Curve25519 key that can sign and encrypt; armoured."""
    pair = Tsk.generate("device", profile=Profile.RFC4880)
    return pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey)


@dataclass
class Device:
    """A phone with one user. Everything that it must remember is in its fields; `dump` and `load` keep them."""

    server: str
    secret_key: str = field(default_factory=new_secret_key)
    device_id: str = ""
    device_token: str = ""
    profile_id: str = ""
    server_public_key: str = ""

    @classmethod
    def load(cls, text: str) -> "Device":
        return cls(**json.loads(text))

    def dump(self) -> str:
        return json.dumps(asdict(self))

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
        """Enrol this device's key with a one-time code."""
        enrolled = self.call(
            "POST",
            "/device/v1/enrollments",
            {
                "enrollment_code": code,
                "public_key": str(self._key.extract_certificate()),
                "application_id": application_id,
                "platform": platform,
                "app_version": app_version,
                "device_name": device_name,
                "device_model": device_model,
                "os_version": os_version,
            },
        )
        self.device_id, self.profile_id = enrolled["device_id"], enrolled["profile_id"]
        self.device_token = enrolled.get("device_token", self.device_token)
        self.server_public_key = enrolled["server_public_key"]

    def enroll_push(self, push_token: str) -> None:
        """Tell the server how a push reaches this device."""
        self.call("PUT", f"/device/v1/enrollments/{self.profile_id}/push", {"push_token": push_token})

    def unenroll(self) -> None:
        """Take the user off this device: keys, push and device token are gone."""
        self.call("DELETE", f"/device/v1/enrollments/{self.profile_id}")

    def pending(self) -> list[dict[str, Any]]:
        """List what waits for an answer, oldest first."""
        listed: list[dict[str, Any]] = self.call("GET", "/device/v1/transactions")["transactions"]
        return listed

    def fetch(self, transaction_id: str) -> dict[str, Any]:
        """Fetch the challenge of a transaction and open it."""
        sealed = self.call("POST", f"/device/v1/transactions/{transaction_id}/fetch", {"profile_id": self.profile_id})
        return self.open(sealed["message"])

    def claim_otp(self, otp: str) -> dict[str, Any]:
        """Bind a scanned one-time password to this user and open its challenge."""
        return self.open(self.call("POST", "/device/v1/otp", {"profile_id": self.profile_id, "otp": otp})["message"])

    def answer(self, challenge: dict[str, Any], *, approve: bool) -> str:
        """Approve or deny; returns the transaction's status."""
        content = {
            "transaction_id": challenge["transaction_id"],
            "token": challenge["token"],
            "authenticated": approve,
        }
        return self.send_answer(challenge["transaction_id"], self.seal(content))

    def send_answer(self, transaction_id: str, message: str) -> str:
        status: str = self.call("POST", f"/device/v1/transactions/{transaction_id}/answer", {"message": message})[
            "status"
        ]
        return status

    def seal(self, content: dict[str, Any]) -> str:
        """Sign with this device's key, encrypt to the server's."""
        server = Cert.from_bytes(self.server_public_key.encode())
        return pysequoia.encrypt(json.dumps(content).encode(), recipients=[server], signer=self._key.signer()).decode()

    def open(self, message: str) -> dict[str, Any]:
        """Open a sealed message of the server; ValueError when it is not signed by it."""
        server = Cert.from_bytes(self.server_public_key.encode())
        opened = pysequoia.decrypt(message.encode(), decryptor=self._key.decryptor(), store=lambda _key_ids: [server])
        if not any(signature.certificate == server.fingerprint for signature in opened.valid_sigs):
            raise ValueError("not signed by the server")
        content: dict[str, Any] = json.loads(opened.bytes or b"")
        return content

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the device API; Refused when the answer is not a success, OSError when there is none."""
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
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.loads(answer.read() or b"{}")  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            raise Refused(error.code, _members(error.read())) from None

    @property
    def _key(self) -> Tsk:
        return Tsk.from_bytes(self.secret_key.encode())


def _members(body: bytes) -> dict[str, Any]:
    """Read an error's body; what stands between us and the server may answer without JSON."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
