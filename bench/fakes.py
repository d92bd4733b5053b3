"""Fakes in a separate process: FCM (token exchange, messages), an SMS gateway, and a portal that receives callbacks.

Runs as `python -m bench.fakes DIRECTORY`: writes the service account to DIRECTORY, prints `ready PORT`, then a line
`push|callback|sms KEY MONOTONIC_SECONDS IN_FLIGHT CODE` for each arrival. The key is the transaction id, or the phone
number of an SMS. CODE is the verification code of an SMS, or `-`. `POST /delay/MS` sets the response time of FCM. The
process ends with its standard input.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from apps.demo import fcm

CALLBACK_PATH = "/callback"
SMS_PATH = "/sms"
DELAY_PATH = "/delay/"
ACCOUNT_FILE = "service-account.json"


class Router:
    """Router of requests to the fakes."""

    def __init__(self, account: dict[str, str]) -> None:
        self.fcm = fcm.FakeFcm(account, deliver=self._on_push)
        self.send_path = fcm.send_path(account["project_id"])
        self.delay_seconds = 0.0
        self.in_flight = 0

    def handle(self, path: str, authorization: str, body: bytes) -> fcm.Response:
        if path == self.send_path:
            return self.fcm.send(authorization, json.loads(body))
        if path == CALLBACK_PATH:
            self._report("callback", json.loads(body)["transaction_id"])
            return 204, {}, {}
        if path == SMS_PATH:
            sms = json.loads(body)
            self._report("sms", sms["phone_number"], sms["verification_code"])
            return 204, {}, {}
        if path == fcm.TOKEN_PATH:
            return self.fcm.exchange_token(dict(parse_qsl(body.decode())))
        if path.startswith(DELAY_PATH):
            self.delay_seconds = int(path.removeprefix(DELAY_PATH)) / 1000
            return 204, {}, {}
        return 404, {}, {}

    def _on_push(self, message: dict[str, Any]) -> None:
        self._report("push", json.loads(message["data"]["content"])["og_transaction_id"])

    def _report(self, kind: str, key: str, code: str = "-") -> None:
        sys.stdout.write(f"{kind} {key} {time.monotonic():.6f} {self.in_flight} {code}\n")
        sys.stdout.flush()


class Connection(asyncio.Protocol):
    """Minimal HTTP/1.1 connection: keep-alive, Content-Length, one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self.request_received(request_line.split(" ")[1], headers.get("authorization", ""), rest[:length])

    def request_received(self, path: str, authorization: str, body: bytes) -> None:
        """Handle a request. The response is sent with `write`, immediately or later."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        self.transport.write(data)


class RouterConnection(Connection):
    """Connection to the router."""

    def __init__(self, router: Router) -> None:
        super().__init__()
        self._router = router

    def request_received(self, path: str, authorization: str, body: bytes) -> None:
        self._router.in_flight += path == self._router.send_path
        response = self._router.handle(path, authorization, body)
        if path == self._router.send_path:
            asyncio.get_running_loop().call_later(self._router.delay_seconds, self._finish, response)
        else:
            self._respond(response)

    def _finish(self, response: fcm.Response) -> None:
        self._router.in_flight -= 1
        self._respond(response)

    def _respond(self, response: fcm.Response) -> None:
        status, content, _headers = response
        body = b"" if status == 204 else json.dumps(content).encode()
        length = b"" if status == 204 else b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        self.write(b"HTTP/1.1 %d Response\r\n%s\r\n%s" % (status, length, body))


async def serve(directory: Path) -> None:
    loop = asyncio.get_running_loop()
    routers: list[Router] = []
    server = await loop.create_server(lambda: RouterConnection(routers[0]), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = fcm.service_account(f"http://127.0.0.1:{port}")
    routers.append(Router(account))
    (directory / ACCOUNT_FILE).write_text(json.dumps(account))
    sys.stdout.write(f"ready {port}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
