"""Keys and messages of the test vectors, for the code of the server and of the reference device."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from apps.enrollment import keys as server_keys
from apps.enrollment.models import Profile, ServerKey
from clients.python.countersign_device import MessageType, keys

FILE = Path(settings.BASE_DIR) / "docs" / "test-vectors.json"
DEVICES = {"p256": "jose", "curve25519": "openpgp", "ed25519": "openpgp", "rsa2048": "openpgp"}


@dataclass(frozen=True)
class Vectors:
    """Vectors of one device and the server."""

    kind: str
    server: dict
    device: dict

    @property
    def profile(self):
        """Return the profile of the device as the server stores it."""
        secret, public = key_texts(self.server)
        server_key = ServerKey(kind=self.kind, secret_key=secret, public_key=public)
        return Profile(public_key=key_texts(self.device)[1], server_key=server_key)

    def open_with_server(self, vector):
        typ = server_keys.MessageType(vector["typ"])
        return server_keys.open_sealed(self.profile, typ, vector["message"])

    def open_with_device(self, vector, direction="to_device"):
        """Open a message with the code of the device, also one to the server."""
        sides = (self.server, self.device)
        (_secret, sender), (receiver, _public) = map(key_texts, sides if direction == "to_device" else sides[::-1])
        return keys.open_sealed(vector["message"], MessageType(vector["typ"]), receiver, sender, at=time.time())


def key_texts(side):
    """Return the secret and the public key as texts."""
    if "secret_key" in side:
        return side["secret_key"], side["public_key"]
    return json.dumps(side["secret_keys"]), json.dumps(side["public_keys"])


def select(document, name):
    """Return the vectors of a device by its name."""
    kind = DEVICES[name]
    [device] = [each for each in document[kind]["devices"] if each["name"] == name]
    return Vectors(kind, document[kind]["server"], device)
