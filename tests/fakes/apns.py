"""Fake APNs over HTTP/2 and TLS, with both environments. Run it with `python -m tests.fakes.apns --port 0`.

Keys are device tokens. Only valid requests use the script; others are rejected as Apple rejects them.
"""

import signal
import sys
import uuid

from tests.fakes import fake_server
from tests.fakes.apns_certificates import DEVELOPMENT, PRODUCTION, pem, signing_key
from tests.fakes.apns_checks import Checks, device_token, rejection
from tests.fakes.http2_server import Http2Control, Http2Server

TEAM_ID, KEY_ID, TOPIC = "TEAM123456", "KEY1234567", "com.example.shop"

BAD_DEVICE_TOKEN = rejection(400, "BadDeviceToken")
DEVICE_TOKEN_NOT_FOR_TOPIC = rejection(400, "DeviceTokenNotForTopic")
TOPIC_DISALLOWED = rejection(400, "TopicDisallowed")
BAD_CERTIFICATE = rejection(403, "BadCertificate")
BAD_CERTIFICATE_ENVIRONMENT = rejection(403, "BadCertificateEnvironment")
EXPIRED_PROVIDER_TOKEN = rejection(403, "ExpiredProviderToken")
INVALID_PROVIDER_TOKEN = rejection(403, "InvalidProviderToken")
FORBIDDEN = rejection(403, "Forbidden")
PAYLOAD_TOO_LARGE = rejection(413, "PayloadTooLarge")
TOO_MANY_PROVIDER_TOKEN_UPDATES = rejection(429, "TooManyProviderTokenUpdates")
TOO_MANY_REQUESTS = rejection(429, "TooManyRequests", {"retry-after": "3"})
INTERNAL_SERVER_ERROR = rejection(500, "InternalServerError")
SERVICE_UNAVAILABLE = rejection(503, "ServiceUnavailable")
SHUTDOWN = rejection(503, "Shutdown")
HTML = {"status": 200, "headers": {"content-type": "text/html"}, "body": "<html>Welcome to our hotel</html>"}
RESET = {"reset": True}
RST = {"rst": True}
GOAWAY = {"goaway": True}


def unregistered(at_ms):
    """Return the response for a device token that is invalid since a time (Unix ms)."""
    return rejection(410, "Unregistered", timestamp=at_ms)


def expired_token(at_ms):
    return rejection(410, "ExpiredToken", timestamp=at_ms)


class Apns(Http2Server):
    """Fake of Apple: checks provider token or client certificate, headers and payload."""

    names = (PRODUCTION, DEVELOPMENT)

    def __init__(self, port=0):
        super().__init__(port)
        key = signing_key()
        self.checks = Checks(TEAM_ID, KEY_ID, key)
        self.credentials = {"team_id": TEAM_ID, "key_id": KEY_ID, "signing_key": pem(key), "topic": TOPIC}
        self.credentials["certificate"] = self.authority.client(TOPIC, TEAM_ID, self.names)
        self.credentials["expired_certificate"] = self.authority.client(TOPIC, TEAM_ID, self.names, days=-2)
        self.credentials["development_certificate"] = self.authority.client(TOPIC, TEAM_ID, [DEVELOPMENT])

    def describe(self):
        """Return the URLs, the file with the authority's certificate, and the app's credentials."""
        return {"url": self.url, **self.urls, "ca_file": self.ca_file, **self.credentials}

    def receive(self, request):
        """Record a request; returns its record and its response."""
        record, response = self.record(device_token(request.path), request, self.checks.rejection(request))
        apns_id = request.headers.get("apns-id") or str(uuid.uuid4()).upper()
        return record, {**response, "headers": {"apns-id": apns_id, **response.get("headers", {})}}

    def execute(self, command):
        if command["command"] == "expire_tokens":
            self._run_on_loop(self.checks.expire_tokens)
            return None
        return super().execute(command)


class ApnsControl(Http2Control):
    def expire_tokens(self):
        """Expire all provider tokens received so far; new ones are valid."""
        self.execute("expire_tokens")


if __name__ == "__main__":
    # A regular exit deletes the temporary files.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit())
    fake_server.run(Apns)
