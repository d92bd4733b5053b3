"""Results of the kinds of keys."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KeyPair:
    """New key of the server: both halves in the format in which the kind stores them."""

    secret_key: str
    public_key: str


@dataclass(frozen=True)
class DeviceKey:
    """Valid public key of a device, in the format in which the kind stores it."""

    public_key: str
    fingerprint: str
