"""Base of the fakes: a small HTTP/1.1 server that records requests and returns scripted responses.

Responses are scripted by key (a path, a push token) and used once, in order. A scripted response is a dict of `status`
(default: that of the default response), `headers` and `body`, and of failures: `delay` (seconds before the response,
or until it is released), `reset` (resets the connection), `truncate` (sends half of the body), `trickle` (seconds over
which the body is sent), `repeat` (True: the response stays in the script). Commands are JSON, posted to CONTROL_PATH:
see `Control`.
"""

import argparse
import json
import os
import socket
import struct
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTROL_PATH = "/control"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


class FakeServer:
    """The server, run by a thread of this process. Use as a context manager; it listens on `url`."""

    def __init__(self, port=0):
        self.server = Server(("127.0.0.1", port), type("BoundHandler", (RequestHandler,), {"fake": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.received = []
        self.script = {}
        self._changed = threading.Condition()
        self._released = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.release()
        self.server.shutdown()
        self.server.server_close()

    def key(self, path, headers, body):
        """Return the key under which the request is recorded and its response is scripted."""
        return path

    def rejection(self, path, headers, body):
        """Return the response to an invalid request, which precedes the script; None if the request is valid."""
        return

    def default_response(self, key, path, headers, body):
        """Return the response to a request without a scripted one."""
        return {"status": 204}

    def describe(self):
        """Return the settings that a program needs to use this fake."""
        return {"url": self.url}

    def receive(self, path, headers, body):
        """Record a request; returns its record and its response."""
        key, rejection = self.key(path, headers, body), self.rejection(path, headers, body)
        record = {
            "key": key,
            "path": path,
            "headers": headers,
            "body": body.decode(),
            "status": None,
            "at": time.time(),
        }
        with self._changed:
            self.received.append(record)
            scripted = rejection or self._next(key)
            self._changed.notify_all()
        if scripted and ("status" in scripted or scripted.get("reset")):
            return record, scripted
        return record, {**self.default_response(key, path, headers, body), **(scripted or {})}

    def _next(self, key):
        responses = self.script.get(key)
        if not responses:
            return None
        return responses[0] if responses[0].get("repeat") else responses.pop(0)

    def delay(self, seconds):
        """Wait for some seconds, or until the delayed responses are released."""
        self._released.wait(seconds)

    def release(self):
        """Send all delayed responses now."""
        released, self._released = self._released, threading.Event()
        released.set()

    def finish(self, record, status):
        with self._changed:
            record["status"] = status
            self._changed.notify_all()

    def wait(self, key, count, status, seconds):
        """Wait for requests with this key (and this response status, unless None); returns those received."""

        def matching():
            return [
                record
                for record in self.received
                if key in (None, record["key"]) and status in (None, record["status"])
            ]

        with self._changed:
            self._changed.wait_for(lambda: len(matching()) >= count, seconds)
            return matching()

    def execute(self, command):
        """Execute a command of `Control` and return its result."""
        match command["command"]:
            case "wait":
                return self.wait(command["key"], command["count"], command["status"], command["seconds"])
            case "script":
                with self._changed:
                    self.script[command["key"]] = command["responses"]
            case "release":
                self.release()
            case "describe":
                return self.describe()
        return None


class RequestHandler(BaseHTTPRequestHandler):
    """Handler of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == CONTROL_PATH:
            self.send(200, {}, json.dumps(self.fake.execute(json.loads(body))).encode())
            return
        headers = {name.lower(): value for name, value in self.headers.items()} | {"peer": self.client_address[1]}
        record, response = self.fake.receive(self.path, headers, body)
        self.fake.delay(response.get("delay", 0))
        if response.get("reset"):
            self.reset()
            return
        self.fake.finish(record, response.get("status", 200))
        # A script holds bytes that are not UTF-8 as surrogate escapes.
        body = response.get("body", "").encode(errors="surrogateescape")
        self.send(response.get("status", 200), response.get("headers", {}), body, response)

    do_GET = do_POST  # noqa: N815 - the base class's name

    def send(self, status, headers, body, failures=None):
        failures = failures or {}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if failures.get("truncate"):
            body = body[: len(body) // 2]
            self.close_connection = True
        for part in [body] if "trickle" not in failures else [body[at : at + 1] for at in range(len(body))]:
            time.sleep(failures.get("trickle", 0) / max(len(body), 1))
            self.wfile.write(part)

    def reset(self):
        """Reset the connection without a response."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def handle(self):
        try:
            super().handle()
        except OSError:
            # The client was killed or stopped waiting.
            self.close_connection = True

    def log_message(self, *arguments):
        pass


class Control:
    """Client of a fake that runs in another process."""

    def __init__(self, url):
        self.url = url

    def execute(self, command, **arguments):
        request = urllib.request.Request(
            self.url + CONTROL_PATH,
            json.dumps({"command": command, **arguments}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=90) as response:
            return json.loads(response.read())

    def script(self, key, *responses):
        """Set the next responses to requests with this key."""
        self.execute("script", key=key, responses=responses)

    def received(self, key=None, status=None):
        """Return the requests so far: `key`, `path`, `headers`, `body`, `status` (of the response), `at` (Unix s)."""
        return self.execute("wait", key=key, count=0, status=status, seconds=0)

    def wait(self, key, count=1, *, status=None, seconds=8):
        """Return the requests with this key once there are `count` of them, or fail after some seconds."""
        received = self.execute("wait", key=key, count=count, status=status, seconds=seconds)
        assert len(received) >= count, f"{len(received)} of {count} requests received within {seconds} s: {received}"
        return received

    def assert_count_stays(self, key, count, *, seconds=0):
        """Assert that there are `count` requests with this key, and no more of them within some seconds."""
        received = self.execute("wait", key=key, count=count + 1, status=None, seconds=seconds)
        assert len(received) == count, f"{len(received)} requests received, expected {count}: {received}"

    def release(self):
        """Send all delayed responses now."""
        self.execute("release")

    def describe(self):
        return self.execute("describe")


def run(fake_class):
    """Run a fake as a program: it prints its description as one line of JSON and runs until it is terminated."""
    parser = argparse.ArgumentParser(description=fake_class.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free port")
    with fake_class(parser.parse_args().port) as fake:
        print(json.dumps(fake.describe()), flush=True)
        threading.Event().wait()
