"""Portal with FastAPI: a user signs in with a push. Start it with `python examples/fastapi_portal.py`.

`POST /sign-in` with `user_id` starts an authentication, and `GET /sign-in` returns its state. Both belong to the cookie
of the browser. Countersign calls `/countersign/callback`.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from countersign import AsyncCallbackHandler, AsyncClient, CallbackVerifier, CountersignError, TransactionResult
from fastapi import Cookie, FastAPI, Request, Response
from fastapi.responses import JSONResponse

PORT = int(os.environ.get("PORT", "8001"))
CALLBACK_URL = f"http://127.0.0.1:{PORT}/countersign/callback"


@dataclass
class Visit:
    """Sign-in of a browser."""

    user_id: str
    transaction_id: str


# A portal with several processes stores both in its database.
VISITS: dict[str, Visit] = {}
RESULTS: dict[str, TransactionResult] = {}

portal = AsyncClient(
    os.environ["COUNTERSIGN_URL"],
    os.environ["COUNTERSIGN_CLIENT_ID"],
    os.environ["COUNTERSIGN_CLIENT_SECRET"],
)
verifier = CallbackVerifier(
    signing_secrets=os.environ["COUNTERSIGN_SIGNING_SECRETS"].split(),
    credentials=(os.environ["COUNTERSIGN_CALLBACK_USERNAME"], os.environ["COUNTERSIGN_CALLBACK_PASSWORD"]),
)


async def store(result: TransactionResult) -> None:
    RESULTS[result.transaction_id] = result


callbacks = AsyncCallbackHandler(portal, verifier, store)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with portal:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/countersign/callback")
async def callback(request: Request) -> Response:
    response = await callbacks.handle(request.headers, await request.body())
    return Response(response.body, response.status, dict(response.headers))


@app.post("/sign-in")
async def start(user_id: str, request: Request) -> Response:
    try:
        devices = await portal.devices(user_id)
        started = await portal.start_push(
            "login",
            user_id=user_id,
            # The device that the user used last.
            device_id=max(devices, key=lambda device: device.last_login).id if devices else "",
            callback_uri=CALLBACK_URL,
            secure_message="Sign in to the shop?",
            ip_address=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", ""),
        )
    except (CountersignError, ValueError):
        return JSONResponse({"status": "not available"}, 503)
    visit = secrets.token_urlsafe(32)
    VISITS[visit] = Visit(user_id, started.transaction_id)
    response = JSONResponse({"status": "pending"}, 202)
    # With HTTPS, also: secure=True.
    response.set_cookie("visit", visit, httponly=True, samesite="lax")
    return response


@app.get("/sign-in")
async def state(visit: str = Cookie("")) -> dict[str, str]:
    found = VISITS.get(visit)
    result = RESULTS.get(found.transaction_id) if found else None
    if found is None or result is None:
        return {"status": "pending"}
    # The visit decides who signs in: the result must be of the user that this browser named.
    if result.is_authenticated and result.user_id == found.user_id:
        return {"status": "signed in", "user_id": result.user_id}
    return {"status": result.status}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
