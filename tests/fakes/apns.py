"""Apple, for tests: APNs over HTTP/2 and TLS, both environments. `python -m tests.fakes.apns --port 0`.

The control port speaks plain HTTP as every stand-in's. Scripted answers are those of tests.fakes.stand_in (without
`half` and `drip`), and `rst` (resets this stream; True, or the number of an HTTP/2 error) and `goaway` (the connection
ends, with word that this stream was not processed). Keys are device tokens. A script counts only for requests that
Apple would take: others are refused as Apple refuses them.
"""

import asyncio
import itertools
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

from tests.fakes import stand_in
from tests.fakes.apns_certificates import DEVELOPMENT, PRODUCTION, Authority, pem, signing_key
from tests.fakes.apns_checks import Checks, device_token, refusal
from tests.fakes.http2 import Connection

TEAM_ID, KEY_ID, TOPIC = "TEAM123456", "KEY1234567", "com.example.shop"

BAD_DEVICE_TOKEN = refusal(400, "BadDeviceToken")
DEVICE_TOKEN_NOT_FOR_TOPIC = refusal(400, "DeviceTokenNotForTopic")
TOPIC_DISALLOWED = refusal(400, "TopicDisallowed")
BAD_CERTIFICATE = refusal(403, "BadCertificate")
BAD_CERTIFICATE_ENVIRONMENT = refusal(403, "BadCertificateEnvironment")
EXPIRED_PROVIDER_TOKEN = refusal(403, "ExpiredProviderToken")
INVALID_PROVIDER_TOKEN = refusal(403, "InvalidProviderToken")
FORBIDDEN = refusal(403, "Forbidden")
PAYLOAD_TOO_LARGE = refusal(413, "PayloadTooLarge")
TOO_MANY_PROVIDER_TOKEN_UPDATES = refusal(429, "TooManyProviderTokenUpdates")
TOO_MANY_REQUESTS = refusal(429, "TooManyRequests", {"retry-after": "3"})
INTERNAL_SERVER_ERROR = refusal(500, "InternalServerError")
SERVICE_UNAVAILABLE = refusal(503, "ServiceUnavailable")
SHUTDOWN = refusal(503, "Shutdown")
HTML = {"status": 200, "headers": {"content-type": "text/html"}, "body": "<html>Welcome to our hotel</html>"}
RESET = {"reset": True}
RST = {"rst": True}
GOAWAY = {"goaway": True}


def unregistered(at_ms):
    """Return the answer for a device token that is dead since a time (Unix ms)."""
    return refusal(410, "Unregistered", timestamp=at_ms)


def expired_token(at_ms):
    return refusal(410, "ExpiredToken", timestamp=at_ms)


class Apns(stand_in.StandIn):
    """Stands in for Apple: checks provider token or client certificate, headers and payload.

    Records have besides what every stand-in's have: `environment`, `connection` (its number; the first is 1) and `peer`
    (the client's port). The loop of the HTTP/2 side runs in a thread of its own.
    """

    def __init__(self, port=0):
        super().__init__(port)
        self.authority, key = Authority(), signing_key()
        self.checks = Checks(TEAM_ID, KEY_ID, key)
        both = (PRODUCTION, DEVELOPMENT)
        self.sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=512) for name in both}
        self.urls = {f"{name}_url": f"https://localhost:{at.getsockname()[1]}" for name, at in self.sockets.items()}
        self.directory = tempfile.TemporaryDirectory(prefix="countersign-tests-apns-")
        self.credentials = {"team_id": TEAM_ID, "key_id": KEY_ID, "signing_key": pem(key), "topic": TOPIC}
        self.credentials["certificate"] = self.authority.client(TOPIC, TEAM_ID, both)
        self.credentials["expired_certificate"] = self.authority.client(TOPIC, TEAM_ID, both, days=-2)
        self.credentials["development_certificate"] = self.authority.client(TOPIC, TEAM_ID, [DEVELOPMENT])
        self.tls = self._tls()
        self.connections, self.handshakes, self.answers = set(), 0, Counter()
        self.delay_seconds, self.remembers = 0, True
        self._numbers, self._waiting = itertools.count(), {}
        self._ready, self._thread = threading.Event(), threading.Thread(target=lambda: asyncio.run(self._serve()))

    def _tls(self):
        """Return the servers' TLS: a client may show a certificate, and a bad one is refused in the handshake."""
        directory = Path(self.directory.name)
        (directory / "ca.pem").write_text(self.authority.certificate)
        (directory / "server.pem").write_text(self.authority.server())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem")
        context.load_verify_locations(directory / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["h2"])
        return context

    def describe(self):
        """Return the addresses, the file of the authority's certificate, and what Apple gave to the app's makers."""
        ca_file = str(Path(self.directory.name) / "ca.pem")
        return {"url": self.url, **self.urls, "ca_file": ca_file, **self.credentials}

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10), "the HTTP/2 side did not start"
        return super().__enter__()

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self._on_loop(self._stop.set)
        self._thread.join(10)
        self.directory.cleanup()
        assert not self._thread.is_alive(), "the HTTP/2 side did not end"

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        servers = [
            await self._loop.create_server(lambda name=name: Connection(self, name), sock=bound, backlog=512)
            for name, bound in self.sockets.items()
        ]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        while self.connections:
            await asyncio.sleep(0.001)

    def _on_loop(self, call):
        """Have something done by the HTTP/2 side, and wait until it is."""

        async def do():
            call()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(10)

    def accepted(self, connection):
        self.connections.add(connection)

    def opened(self, connection):
        self.handshakes += 1
        return self.handshakes

    def closed(self, connection):
        self.connections.discard(connection)

    def later(self, seconds, call):
        """Call on the loop in so many seconds, or when what hangs is released."""
        if not seconds:
            call()
            return
        number = next(self._numbers)
        self._waiting[number] = self._loop.call_later(seconds, self._fire, number), call

    def _fire(self, number):
        timer, call = self._waiting.pop(number)
        timer.cancel()
        call()

    def take(self, request):
        """Remember a request; returns its record, and the answer to give."""
        key, refused = device_token(request.path), self.checks.refusal(request)
        record = {
            "key": key,
            "path": request.path,
            "headers": {**request.headers, "peer": request.peer},
            "body": request.body.decode("utf-8", "replace"),
            "environment": request.environment,
            "connection": request.connection,
            "peer": request.peer,
            "status": None,
            "at": time.time(),
        }
        with self._changed:
            if self.remembers:
                self.received.append(record)
            answer = refused or self._next(key) or {}
            self._changed.notify_all()
        apns_id = request.headers.get("apns-id") or str(uuid.uuid4()).upper()
        return record, {
            **answer,
            "headers": {"apns-id": apns_id, **answer.get("headers", {})},
            "hang": answer.get("hang", 0) + self.delay_seconds,
        }

    def finish(self, record, status):
        self.answers[status] += 1
        super().finish(record, status)

    def release(self):
        super().release()
        self._on_loop(lambda: [self._fire(number) for number in list(self._waiting)])

    def obey(self, order):
        match order["do"]:
            case "expire_tokens":
                self._on_loop(self.checks.expire_tokens)
            case "goaway":
                self._on_loop(lambda: [one.go_away() for one in list(self.connections) if one.has_begun])
            case "connections":
                return self.handshakes
            case "answers":
                return self.answers
            case "delay":
                self.delay_seconds = order["ms"] / 1000
            case "quiet":
                self.remembers = False
                self.received.clear()
            case _:
                return super().obey(order)
        return None


class ApnsControl(stand_in.Control):
    def expire_tokens(self):
        """Take every provider token that was seen so far for expired; one that was not seen yet is good."""
        self.order("expire_tokens")

    def goaway(self):
        """Say goodbye on every connection: what has begun is answered, what comes later is not processed."""
        self.order("goaway")

    def connections(self):
        """Return how many TLS connections were accepted so far."""
        return self.order("connections")

    def answers(self):
        """Return how many answers of each status there were so far; also counted when nothing is remembered."""
        return {int(status): count for status, count in self.order("answers").items()}

    def delay(self, milliseconds):
        """Let every answer from now on take this long."""
        self.order("delay", ms=milliseconds)

    def quiet(self):
        """Forget what was heard, and remember nothing from now on: for many thousands of pushes."""
        self.order("quiet")


if __name__ == "__main__":
    # Ended in the usual way it takes its files along.
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit())
    stand_in.run(Apns)
