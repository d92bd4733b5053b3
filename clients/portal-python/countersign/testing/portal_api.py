"""Portal API of the fake server."""

import hmac
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from countersign.testing.errors import FakeError
from countersign.testing.state import FakeDevice, FakeTransaction, FakeType, Outcome

Form = Mapping[str, str]
MAX_MESSAGE, MAX_SECURE_MESSAGE, MAX_SIGNING_DATA = 155, 4_000, 16_000
LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}")
PHONE_NUMBER = re.compile(r"\+[0-9]{7,15}")


class PortalApi:
    """Transactions of all users."""

    def __init__(self, types: Mapping[str, FakeType], devices: list[FakeDevice], now: Callable[[], float]) -> None:
        self.types, self.devices, self.now = types, devices, now
        self.transactions: dict[str, FakeTransaction] = {}
        self.planned: list[Outcome] = []

    def start(self, form: Form) -> dict[str, object]:
        name = _required(form, "type")
        if name not in self.types:
            raise FakeError("3005")
        requested = self.types[name]
        self._validate(form, requested)
        resolved, device = self._resolve(requested, form)
        transaction = FakeTransaction(
            resolved,
            form.get("user_id", ""),
            "" if resolved.method == "sms" else form["callback_uri"],
            self.now(),
            device,
            form.get("signing_data", ""),
            self.planned.pop(0) if self.planned else None,
        )
        self.transactions[transaction.transaction_id] = transaction
        return transaction.started_json()

    def result(self, transaction_id: str) -> dict[str, object]:
        transaction = self.find(transaction_id)
        # A planned outcome takes place after the first reading, so that a portal sees a pending transaction too.
        if transaction.planned and transaction.is_read and transaction.status == "pending":
            transaction.apply(transaction.planned)
        transaction.is_read = True
        return transaction.result_json()

    def find(self, transaction_id: str) -> FakeTransaction:
        """Return a transaction, and expire it if its time to live has passed."""
        transaction = self.transactions.get(transaction_id.lower())
        if transaction is None:
            raise FakeError("3004")
        if transaction.status == "pending" and self.now() >= transaction.created_at + transaction.type.time_to_live:
            transaction.apply("expire")
        return transaction

    def pending(self, transaction_id: str) -> FakeTransaction:
        transaction = self.find(transaction_id)
        if transaction.status != "pending":
            raise FakeError("3004")
        return transaction

    def verify_sms(self, user_id: str, form: Form) -> dict[str, object]:
        transaction = self._pending_of(user_id, form)
        if transaction.type.method != "sms":
            raise FakeError("3004")
        return _verify(transaction, _required(form, "sms_code"))

    def verify_code(self, user_id: str, form: Form) -> dict[str, object]:
        transaction = self._pending_of(user_id, form)
        if not transaction.type.code_to_phone:
            raise FakeError("3004")
        return _verify(transaction, _required(form, "code") if transaction.is_code_shown else "")

    def resend_sms(self, user_id: str, form: Form) -> None:
        transaction = self.pending(_required(form, "transaction_id"))
        if transaction.user_id != user_id:
            raise FakeError("3005")
        if transaction.type.method != "sms":
            raise FakeError("3004")
        _count_resend(transaction)

    def resend_push(self, transaction_id: str) -> None:
        transaction = self.pending(transaction_id)
        if not transaction.type.is_push:
            raise FakeError("3004")
        _count_resend(transaction)

    def cancel(self, transaction_id: str) -> None:
        self.pending(transaction_id).end("cancelled")

    def user_types(self, user_id: str) -> dict[str, object]:
        return {"enabled": self._available(user_id)}

    def device_types(self, user_id: str, device_id: str) -> dict[str, object]:
        is_owned = any((device.user_id, device.device_id) == (user_id, device_id) for device in self.devices)
        return {"enabled": [item["type"] for item in self._available(user_id)] if is_owned else []}

    def _available(self, user_id: str) -> list[dict[str, object]]:
        if not any(device.user_id == user_id for device in self.devices):
            return []
        enrolled, found = [device.as_enrolled() for device in self.push_devices(user_id)], []
        for name, kind in self.types.items():
            has_sms_fallback = any(self.types[other].method == "sms" for other in self._fallbacks(kind))
            members: dict[str, object] = {"type": name, "method": kind.method.upper()}
            if kind.is_push:
                members |= {"sms_fallback_allowed": has_sms_fallback, "apps_enrolled_for_push": enrolled}
            if not kind.is_push or enrolled or has_sms_fallback:
                found.append(members)
        return found

    def push_devices(self, user_id: str) -> list[FakeDevice]:
        owned = [device for device in self.devices if device.user_id == user_id]
        return [device for device in owned if device.is_enrolled and device.is_enrolled_for_push]

    def _fallbacks(self, kind: FakeType) -> Iterator[str]:
        while kind.fallback:
            yield kind.fallback
            kind = self.types[kind.fallback]

    def _validate(self, form: Form, kind: FakeType) -> None:
        """Validate the parameters in the order of the documentation."""
        if kind.method == "otp":
            _require("user_id" not in form, "The parameter user_id must be omitted: the device identifies the user.")
        else:
            _required(form, "user_id")
        if kind.method != "sms":
            url = urlsplit(_required(form, "callback_uri"))
            _require(url.scheme in ("http", "https") and bool(url.hostname), "The parameter callback_uri is invalid.")
        if len(form.get("message", "")) > MAX_MESSAGE:
            raise FakeError("1005")
        _require(len(form.get("signing_data", "")) <= MAX_SIGNING_DATA, "The parameter signing_data is invalid.")
        _require(len(form.get("secure_message", "")) <= MAX_SECURE_MESSAGE, "The parameter secure_message is invalid.")
        if kind.method == "sms":
            _phone_number(form)
        language = form.get("language_code", "")
        _require(not language or bool(LANGUAGE.fullmatch(language)), "The parameter language_code is invalid.")
        _require(_is_address(form.get("ip_address", "")), "The parameter ip_address is invalid.")

    def _resolve(self, kind: FakeType, form: Form) -> tuple[FakeType, FakeDevice | None]:
        """Return the type that is started, or its fallback, and the device of a push."""
        if kind.method == "sms":
            _phone_number(form)
        if not kind.is_push:
            return kind, None
        devices = self.push_devices(form["user_id"])
        _require(not devices or "device_id" in form, "The parameter device_id is missing.")
        for device in devices:
            if device.device_id == form["device_id"]:
                return kind, device
        if not kind.fallback:
            raise FakeError("1001")
        return self._resolve(self.types[kind.fallback], form)

    def _pending_of(self, user_id: str, form: Form) -> FakeTransaction:
        transaction = self.pending(_required(form, "transaction_id"))
        if transaction.user_id != user_id:
            raise FakeError("3004")
        return transaction


def _verify(transaction: FakeTransaction, code: str) -> dict[str, object]:
    if not hmac.compare_digest(code.encode(), transaction.code.encode()):
        transaction.attempts += 1
        if transaction.attempts == transaction.type.max_attempts:
            transaction.end("not_authenticated", "invalid_answer")
        raise FakeError("3003")
    transaction.apply("approve")
    return {"transaction_id": transaction.transaction_id}


def _count_resend(transaction: FakeTransaction) -> None:
    if transaction.resends >= transaction.type.max_resends:
        raise FakeError("3006")
    transaction.resends += 1


def _required(form: Form, name: str) -> str:
    if name not in form:
        raise FakeError("1003", f"The parameter {name} is missing.")
    return form[name]


def _require(is_valid: bool, text: str) -> None:
    if not is_valid:
        raise FakeError("1003", text)


def _phone_number(form: Form) -> None:
    if not PHONE_NUMBER.fullmatch(re.sub(r"[ .()-]", "", form.get("phone_number", ""))):
        raise FakeError("3001")


def _is_address(text: str) -> bool:
    """Return True if the text is empty or an IP address."""
    try:
        ipaddress.ip_address(text or "::1")
    except ValueError:
        return False
    return True
