"""The callback to the portal in the OpenAPI description."""

from typing import Any

from apps.api.portal.examples import CALLBACK, TRANSACTION_ID

DESCRIPTION = """The server sends this request to `callback_uri` when the user has answered, or when the transaction
has failed finally. Push and OTP only. It is sent for an expired transaction if the server is configured so, and never
for a transaction that the portal cancelled.

The callback is only a notification: read the result with `getTransaction`. Delivery is at least once, and
`webhook-id` is the same in all attempts. Every response except 2xx is retried for up to 24 hours, not before its
`Retry-After`; redirects are not followed. The timeouts are 5 seconds to connect and 10 seconds in total.

If the callback endpoint has credentials, the request has an `Authorization` header with Basic credentials. If it has
a signing secret, the request is signed as specified by Standard Webhooks 1.0.
"""


def _header(name: str, description: str, example: str, *, required: bool) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "description": description,
        "required": required,
        "schema": {"type": "string"},
        "example": example,
    }


PARAMETERS = [
    _header(
        "webhook-id",
        "Id of the callback, the same in all attempts.",
        "msg_019ac8d2b1b27c3d8e4f5a6b7c8d9e0f",
        required=True,
    ),
    _header("webhook-timestamp", "Time of the attempt, in seconds since the epoch.", "1795530541", required=True),
    _header(
        "webhook-signature",
        "Signatures over `webhook-id`, `webhook-timestamp` and the body, separated by spaces: `v1,` and HMAC-SHA256 in "
        "base64, one for each active signing secret.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        required=False,
    ),
]
SCHEMA = {
    "type": "object",
    "required": ["callback_uri", "transaction_id"],
    "properties": {
        "callback_uri": {"type": "string", "format": "uri", "description": "Callback URL of the request."},
        "transaction_id": {"type": "string", "format": "uuid", "description": "Id of the transaction."},
    },
}
OPERATION: dict[str, Any] = {
    "summary": "Notify the portal that a transaction has ended",
    "description": DESCRIPTION,
    "tags": ["Portal"],
    "security": [{"callback": []}, {}],
    "parameters": PARAMETERS,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": SCHEMA,
                "example": {"callback_uri": CALLBACK, "transaction_id": TRANSACTION_ID},
            }
        },
    },
    "responses": {
        "2XX": {"description": "The portal has received the callback."},
        "410": {"description": "The portal does not want this callback. It is not retried."},
        "4XX": {"description": "The callback is retried, not before `Retry-After`."},
        "5XX": {"description": "The callback is retried, not before `Retry-After`."},
    },
}


def callbacks(version: str) -> dict[str, Any]:
    """Return the callbacks of a start. Operation ids are unique, so that of a callback has the version of the start."""
    return {
        "transactionEnded": {
            "{$request.body#/callback_uri}": {"post": {"operationId": f"transactionEnded{version}", **OPERATION}}
        }
    }
