"""What the stand-ins share: a small HTTP/1.1 server that remembers what it hears and misbehaves as it is told.

Answers are scripted by key (a path, a push token), one a request, first in first out. A scripted answer is a dict of
`status` (left out: the usual answer), `headers`, `body`, and what may go wrong: `hang` (seconds before it answers, or
until it is released), `reset` (the connection), `half` (only half of the body comes), `drip` (seconds over which the
body comes), `again` (True: the answer stays in the script). Control requests are JSON orders, posted to CONTROL_PATH:
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


class StandIn:
    """The server, in this process. Use as a context manager; `url` says where it listens."""

    def __init__(self, port=0):
        self.server = Server(("127.0.0.1", port), type("Bound", (Exchange,), {"stand_in": self}))
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
        """Return the key under which the request is remembered and its answer was scripted."""
        return path

    def refusal(self, path, headers, body):
        """Return an answer that goes before what is scripted, or None when there is none."""
        return

    def answer(self, key, path, headers, body):
        """Return the answer when nothing is scripted."""
        return {"status": 204}

    def describe(self):
        """Return what a program that starts this one must know."""
        return {"url": self.url}

    def take(self, path, headers, body):
        """Remember a request; returns its record, and the answer to give."""
        key, refusal = self.key(path, headers, body), self.refusal(path, headers, body)
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
            scripted = refusal or self._next(key)
            self._changed.notify_all()
        if scripted and ("status" in scripted or scripted.get("reset")):
            return record, scripted
        return record, {**self.answer(key, path, headers, body), **(scripted or {})}

    def _next(self, key):
        answers = self.script.get(key)
        if not answers:
            return None
        return answers[0] if answers[0].get("again") else answers.pop(0)

    def hang(self, seconds):
        self._released.wait(seconds)

    def release(self):
        """Let everything that hangs go on."""
        released, self._released = self._released, threading.Event()
        released.set()

    def finish(self, record, status):
        with self._changed:
            record["status"] = status
            self._changed.notify_all()

    def wait(self, key, count, status, seconds):
        """Wait for requests with this key (answered with `status`, when it is given); returns those that came."""

        def matching():
            return [one for one in self.received if key in (None, one["key"]) and status in (None, one["status"])]

        with self._changed:
            self._changed.wait_for(lambda: len(matching()) >= count, seconds)
            return matching()

    def obey(self, order):
        """Carry out a control order and return what it asks for."""
        match order["do"]:
            case "wait":
                return self.wait(order["key"], order["count"], order["status"], order["seconds"])
            case "script":
                with self._changed:
                    self.script[order["key"]] = order["answers"]
            case "release":
                self.release()
            case "describe":
                return self.describe()
        return None


class Exchange(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stand_in = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == CONTROL_PATH:
            self.send(200, {}, json.dumps(self.stand_in.obey(json.loads(body))).encode())
            return
        headers = {name.lower(): value for name, value in self.headers.items()} | {"peer": self.client_address[1]}
        record, answer = self.stand_in.take(self.path, headers, body)
        self.stand_in.hang(answer.get("hang", 0))
        if answer.get("reset"):
            self.reset()
            return
        self.stand_in.finish(record, answer.get("status", 200))
        # Bytes that are no UTF-8 stand in a script as Python escapes them.
        body = answer.get("body", "").encode(errors="surrogateescape")
        self.send(answer.get("status", 200), answer.get("headers", {}), body, answer)

    do_GET = do_POST  # noqa: N815 - the base class's name

    def send(self, status, headers, body, faults=None):
        faults = faults or {}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if faults.get("half"):
            body = body[: len(body) // 2]
            self.close_connection = True
        for part in [body] if "drip" not in faults else [body[at : at + 1] for at in range(len(body))]:
            time.sleep(faults.get("drip", 0) / max(len(body), 1))
            self.wfile.write(part)

    def reset(self):
        """Break the connection off without an answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def handle(self):
        try:
            super().handle()
        except OSError:
            # The other side was killed, or gave up waiting.
            self.close_connection = True

    def log_message(self, *arguments):
        pass


class Control:
    """Talks to a stand-in that runs in another process."""

    def __init__(self, url):
        self.url = url

    def order(self, do, **order):
        request = urllib.request.Request(
            self.url + CONTROL_PATH, json.dumps({"do": do, **order}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.loads(answer.read())

    def script(self, key, *answers):
        """Set the next answers to requests with this key."""
        self.order("script", key=key, answers=answers)

    def received(self, key=None, status=None):
        """Return what was heard so far: `key`, `path`, `headers`, `body`, `status` (once answered), `at` (Unix s)."""
        return self.order("wait", key=key, count=0, status=status, seconds=0)

    def wait(self, key, count=1, *, status=None, seconds=8):
        """Return the requests with this key once there are `count` of them; AssertionError when they don't come."""
        heard = self.order("wait", key=key, count=count, status=status, seconds=seconds)
        assert len(heard) >= count, f"{len(heard)} of {count} requests came within {seconds} s: {heard}"
        return heard

    def stays(self, key, count, *, seconds=0):
        """Say whether there are `count` requests with this key, and no more of them within some seconds."""
        return len(self.order("wait", key=key, count=count + 1, status=None, seconds=seconds)) == count

    def release(self):
        """Let everything that hangs go on."""
        self.order("release")

    def describe(self):
        return self.order("describe")


def run(stand_in_class):
    """Run a stand-in as a program: it prints what it is as one line of JSON and stays until it is ended."""
    parser = argparse.ArgumentParser(description=stand_in_class.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    with stand_in_class(parser.parse_args().port) as stand_in:
        print(json.dumps(stand_in.describe()), flush=True)
        threading.Event().wait()
