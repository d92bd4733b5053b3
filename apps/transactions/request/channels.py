"""Channels other than the portal API, by which authentications are requested: protocols of identity providers."""

from dataclasses import dataclass

from apps.transactions.types import PUSH_METHODS, MobileAuthenticationType


@dataclass(frozen=True)
class Channel:
    """Channel of a request without `device_id`: it selects the most recently used device that can do the type.

    The end is reported by a message of `callback_kind` (apps.callbacks.kinds) to the `callback_uri` of the request,
    which the server sets: the allow list does not apply, and without a URL nothing is sent. `max_lifetime_seconds`
    limits the time to live of the type.
    """

    callback_kind: str
    can_show_number: bool = False
    max_lifetime_seconds: float | None = None

    def supports(self, mobile_type: MobileAuthenticationType) -> bool:
        """Return True if a type needs nothing from the requesting side: neither a code nor a scan.

        Only a channel that can show the verification number supports number matching.
        """
        if mobile_type.method not in PUSH_METHODS or mobile_type.code_to_phone:
            return False
        return self.can_show_number or not mobile_type.number_matching_digits
