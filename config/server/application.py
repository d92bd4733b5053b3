"""The ASGI application that uvicorn serves: Django's WSGI application, run in threads.

A thread is taken only for a request that has arrived completely, and given back before the client reads the response:
slow clients occupy memory, which is limited, and no thread.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import RequestDataTooBig

from config.server.processes import prepare_worker
from config.server.protocol import LimitedProtocol
from config.wsgi import application as django_application

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Requests wait for the database and, rarely, for nothing else: threads cover that.
THREADS = 8
MAX_BODY_BYTES: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
# Larger than any response but an export: no thread waits for a client that reads anything else slowly.
PART_BYTES = 2 * 1024 * 1024
# The connection's buffer gets so much at once, so that what a slow client has not read is counted until it has.
SLICE_BYTES = 32 * 1024


class ClientDisconnectedError(Exception):
    """The client closed the connection before it had read the response."""


class Body(BytesIO):
    """Body of a request. Raises RequestDataTooBig at the end of one of which only the beginning was kept."""

    is_cut = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.is_cut and not data:
            raise RequestDataTooBig
        return data


class Application:
    """ASGI application around a WSGI application."""

    def __init__(self, wsgi: Wsgi) -> None:
        self.wsgi = wsgi
        self.threads = ThreadPoolExecutor(THREADS, "request")

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        body = await read_body(receive)
        if body is None:
            return
        loop = asyncio.get_running_loop()
        response = Response(scope["state"]["connection"], send)

        def send_part(part: bytes) -> None:
            asyncio.run_coroutine_threadsafe(response.send(part, is_last=False), loop).result()

        response.connection.run()
        environ = build_environ(scope, body)
        try:
            last_part = await loop.run_in_executor(self.threads, self.call, environ, response, send_part)
            await response.send(last_part, is_last=True)
        except ClientDisconnectedError:
            # Until the connection is lost, too, uvicorn takes the missing end of the response for an error.
            await receive()

    def call(self, environ: dict[str, Any], response: "Response", send_part: Callable[[bytes], None]) -> bytes:
        """Run the WSGI application in this thread, send the full parts of its response and return the last part."""
        chunks = self.wsgi(environ, response.start)
        part = bytearray()
        try:
            for chunk in chunks:
                part += chunk
                if len(part) >= PART_BYTES:
                    send_part(bytes(part))
                    part.clear()
        finally:
            if close := getattr(chunks, "close", None):
                close()
        return bytes(part)


class Response:
    """Status and headers as WSGI gives them, and the parts of the body as ASGI sends them."""

    def __init__(self, connection: LimitedProtocol, send: Callable[..., Any]) -> None:
        self.connection, self.asgi_send = connection, send
        self.head: dict[str, Any] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        """WSGI's `start_response`."""
        self.head = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }

    async def send(self, part: bytes, *, is_last: bool) -> None:
        """Send a part of the body, as fast as the client reads. Raises ClientDisconnectedError if it is gone."""
        self.connection.respond(len(part))
        if self.head:
            await self.asgi_send(self.head)
            self.head = None
        for start in range(0, len(part) or 1, SLICE_BYTES):
            if self.connection.is_closing:
                raise ClientDisconnectedError
            more = not is_last or start + SLICE_BYTES < len(part)
            body = part[start : start + SLICE_BYTES]
            await self.asgi_send({"type": "http.response.body", "body": body, "more_body": more})
        if not is_last:
            self.connection.run()


async def read_body(receive: Callable[..., Any]) -> Body | None:
    """Return the body once it has arrived, of a long one the beginning; None if the client is gone."""
    content, more = bytearray(), True
    while more and len(content) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        content += message["body"]
        more = message["more_body"]
    body = Body(content)
    body.is_cut = more
    return body


def build_environ(scope: dict[str, Any], body: Body) -> dict[str, Any]:
    """Return WSGI's variables (PEP 3333) for a request; RAW_URI is its target as it was sent.

    A header whose name has an underscore is left out: in WSGI it could not be told from one with a dash, and would
    pass for X-Forwarded-For and others that only a reverse proxy may set.
    """
    host, port = scope["server"] or ("", 0)
    query = scope["query_string"].decode("latin-1")
    raw_path = scope["raw_path"].decode("latin-1")
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": f"{raw_path}?{query}" if query else raw_path,
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        separator = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    # A chunked body has no length until it has arrived.
    environ.setdefault("CONTENT_LENGTH", str(len(body.getbuffer())))
    return environ


prepare_worker()
application = Application(django_application)
