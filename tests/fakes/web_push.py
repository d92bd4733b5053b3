"""Fake push service of browsers: HTTP/2 and TLS on localhost. Run it with `python -m tests.fakes.web_push --port 0`.

It checks the VAPID header (RFC 8292) and the other headers (RFC 8030), and decrypts the messages (RFC 8291) as a
browser does, with the primitives of `cryptography` only. Keys are push tokens; only valid requests use the script.
Records have the additional member `size`, the number of bytes of the encrypted body.
"""

import json
import re
import secrets
import signal
import struct
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes import fake_server
from tests.fakes.http2_server import Http2Control, Http2Server

PATH = "/push/"
MAX_BODY_BYTES = 4096
MAX_TOKEN_LIFETIME_SECONDS = 24 * 3600
CREATED = {"status": 201}


def rejection(status, reason="", headers=None):
    """Return a rejection in the format of Apple, or without a body."""
    return {"status": status, "headers": headers or {}, "body": json.dumps({"reason": reason}) if reason else ""}


def encode(content):
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def mac(key, content):
    """Return HMAC-SHA-256."""
    function = hmac.HMAC(key, hashes.SHA256())
    function.update(content)
    return function.finalize()


@dataclass
class Subscription:
    """Subscription of a browser: its keys, and the public key of the application server if it is known."""

    private_key: ec.EllipticCurvePrivateKey
    authentication_secret: bytes
    token: str
    server_key: str = ""

    @property
    def point(self):
        return self.private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def decrypt(self, body):
        """Decrypt a message with the steps of RFC 8291, 3.4. Raises ValueError or InvalidTag if it is invalid."""
        salt, (record_size, key_length) = body[:16], struct.unpack("!LB", body[16:21])
        server_point, ciphertext = body[21 : 21 + key_length], body[21 + key_length :]
        if key_length != 65 or not record_size >= 18 or len(ciphertext) > record_size:
            raise ValueError("not one record of aes128gcm")
        server_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), server_point)
        shared = self.private_key.exchange(ec.ECDH(), server_key)
        info = b"WebPush: info\0" + self.point + server_point
        keying_material = mac(mac(self.authentication_secret, shared), info + b"\1")
        pseudorandom_key = mac(salt, keying_material)
        key = mac(pseudorandom_key, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = mac(pseudorandom_key, b"Content-Encoding: nonce\0\1")[:12]
        padded = AESGCM(key).decrypt(nonce, ciphertext, b"").rstrip(b"\0")
        if not padded.endswith(b"\2"):
            raise ValueError("no delimiter of the last record")
        return padded[:-1]


class WebPushService(Http2Server):
    """Fake of a push service. A subscription without a server key accepts the first key that it receives."""

    def __init__(self, port=0):
        super().__init__(port)
        self.subscriptions = {}

    @property
    def origin(self):
        return self.urls["service_url"]

    def describe(self):
        return {"url": self.url, "origin": self.origin, "ca_file": self.ca_file}

    def subscribe(self, server_key=""):
        """Create a subscription and return its push token: the JSON text of a PushSubscription."""
        key, secret = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16)
        path = PATH + secrets.token_urlsafe(24)
        subscription = Subscription(key, secret, "", server_key)
        keys = {"p256dh": encode(subscription.point), "auth": encode(secret)}
        subscription.token = json.dumps({"endpoint": self.origin + path, "keys": keys}, separators=(",", ":"))
        self.subscriptions[path] = subscription
        return subscription.token

    def receive(self, request):
        subscription = self.subscriptions.get(request.path)
        key = subscription.token if subscription else request.path
        record, response = self.record(key, request, self.reject(request, subscription))
        record["size"] = len(request.body)
        return record, {"status": 201, **response, "headers": response.get("headers", {})}

    def body(self, request):
        subscription = self.subscriptions.get(request.path)
        try:
            return subscription.decrypt(bytes(request.body)).decode() if subscription else ""
        except (ValueError, InvalidTag, struct.error):
            return ""

    def reject(self, request, subscription):
        """Return the first rejection of a request (tests.fakes.http2.Request), or None."""
        if request.method != "POST":
            return rejection(405)
        if subscription is None:
            return rejection(404)
        if len(request.body) > MAX_BODY_BYTES:
            return rejection(413)
        return self.check_vapid(request, subscription) or self.check_headers(request)

    def check_vapid(self, request, subscription):
        match = re.fullmatch(r"vapid t=([\w.-]+), k=([\w-]{87})", request.headers.get("authorization", ""))
        if not match:
            return rejection(401)
        token, server_key = match.groups()
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(server_key))
        try:
            claims = jwt.decode(token, public_key, ["ES256"], audience=self.origin, options={"require": ["exp", "sub"]})
        except jwt.PyJWTError as error:
            return rejection(403, type(error).__name__)
        if claims["exp"] > time.time() + MAX_TOKEN_LIFETIME_SECONDS or not re.match("mailto:|https://", claims["sub"]):
            return rejection(403, "BadJwtToken")
        subscription.server_key = subscription.server_key or server_key
        return None if subscription.server_key == server_key else rejection(403, "VapidPkHashMismatch")

    def check_headers(self, request):
        headers = request.headers
        is_valid = (
            headers.get("content-encoding") == "aes128gcm"
            and re.fullmatch(r"\d+", headers.get("ttl", ""))
            and headers.get("urgency") in ("very-low", "low", "normal", "high")
            and re.fullmatch(r"[\w-]{1,32}", headers.get("topic", "x"))
            and self.body(request)
        )
        return None if is_valid else rejection(400)

    def execute(self, command):
        if command["command"] == "subscribe":
            return self.subscribe(command["server_key"])
        return super().execute(command)


class WebPushControl(Http2Control):
    def subscribe(self, server_key=""):
        """Create a subscription and return its push token."""
        return self.execute("subscribe", server_key=server_key)


if __name__ == "__main__":
    # A regular exit deletes the temporary files.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit())
    fake_server.run(WebPushService)
