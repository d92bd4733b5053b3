"""Callback handler as an ASGI application."""

from collections.abc import Awaitable, Callable
from typing import Any

from countersign.callbacks import MAX_BODY_BYTES, AsyncCallbackHandler, CallbackResponse

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class AsgiCallback:
    """ASGI application for the path of the callback."""

    def __init__(self, handler: AsyncCallbackHandler) -> None:
        self._handler = handler

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("the callback handler accepts only HTTP")
        response = await self._respond(scope, receive)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
        if response.status != 204:
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body.encode()})

    async def _respond(self, scope: dict[str, Any], receive: Receive) -> CallbackResponse:
        if scope["method"] != "POST":
            return CallbackResponse(405, "", {"Allow": "POST"})
        body, has_more = b"", True
        while has_more and len(body) <= MAX_BODY_BYTES:
            message = await receive()
            body += message.get("body", b"")
            has_more = message.get("more_body", False)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return await self._handler.handle(headers, body)
