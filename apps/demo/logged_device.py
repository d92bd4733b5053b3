"""Reference device that writes its requests to the journal, and the messages of its errors."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.demo.device import Device, DeviceApiError, InvalidPin
from apps.demo.journal import Actor, Journal


class LoggedDevice(Device):
    """Reference device that writes each request to the journal."""

    journal: Journal

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = super().call(method, path, body)
        except DeviceApiError as error:
            text = error.body.get("error_description", "")
            self.journal.write(Actor.PHONE, f"{method} {path} → {error.status}", text, failed=True)
            raise
        except OSError as error:
            self.journal.write(Actor.PHONE, f"{method} {path}", str(error), failed=True)
            raise
        status, note = self._describe_success(method, path)
        self.journal.write(Actor.PHONE, f"{method} {path} → {status}", note)
        return response

    def _describe_success(self, method: str, path: str) -> tuple[int, str]:
        """Return the status of a successful request and its explanation."""
        last = path.rpartition("/")[2]
        return {
            "enrollments": (201, _("keys enrolled: %(keys)s") % {"keys": self.key_name}),
            "push": (204, _("reachable by push")),
            "authenticators": (201, _("PIN or fingerprint set up")),
            "fetch": (200, _("challenge opened")),
            "otp": (200, _("code scanned, challenge opened")),
            "answer": (200, _("signed answer accepted")),
            "code": (200, _("code unlocked")),
            "transactions": (200, _("pending transactions listed")),
        }.get(last, (204 if method == "DELETE" else 200, _("account removed from the phone")))

    @property
    def key_name(self) -> str:
        """Standard and curve of the keys, for the page."""
        return "OpenPGP (Curve25519)" if self.kind.is_openpgp else "JOSE (P-256)"


def error_text(error: Exception) -> str:
    """Return the message of an error for the page."""
    if isinstance(error, DeviceApiError):
        description = error.body.get("error_description")
        return str(description or _("The server answered HTTP %(status)d.") % {"status": error.status})
    if isinstance(error, ValueError):
        return _("The message is not signed by the server or cannot be decrypted.")
    return _("The phone cannot reach the server.")


def invalid_pin_text(error: InvalidPin) -> str:
    count = error.attempts_left
    if count is None:
        return _("This PIN is wrong. Try again.")
    text = ngettext("This PIN is wrong: %(count)d attempt left.", "This PIN is wrong: %(count)d attempts left.", count)
    return text % {"count": count}
