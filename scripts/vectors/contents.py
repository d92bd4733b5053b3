"""Contents of the sealed messages in the test vectors."""

from typing import Any

from clients.python.countersign_device import MessageType

TRANSACTION_ID = "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"
SIGNING_DATA = "Pay € 38.50 to Larkspur\nAccount NL02ABNA0123456789"
TOKEN, PIN_TOKEN = ("Z3Nd0nSdGmPcKpE0QzVvF4i2bqLRkq1J7yWm8yXx0aE", "q5ZC8eZ6mM0m3r0cT2m1gQ3nVd9wzH4y7bXkPpLs1uU")
ANSWERED = {"transaction_id": TRANSACTION_ID, "token": TOKEN}
CHALLENGE = {
    **ANSWERED,
    "message": "Anna, you pay from Firefox.",
    "timestamp": 1795530539461,
    "time_to_live": 300,
    "type": {"name": "payment", "method": "push_with_pin", "transaction_signing": True},
    "signing_data": SIGNING_DATA,
}
NUMBER_MATCHING_CHALLENGE = {
    **ANSWERED,
    "message": "Anna, you sign in from Firefox.",
    "timestamp": 1795530539461,
    "time_to_live": 300,
    "type": {"name": "login", "method": "push", "transaction_signing": False},
    "number_matching_digits": 2,
}
CODE_CHALLENGE = {
    **ANSWERED,
    "message": "Anna, you sign in at a terminal.",
    "timestamp": 1795530539461,
    "time_to_live": 300,
    "type": {"name": "terminal", "method": "push", "transaction_signing": False, "code_to_phone": True},
    "code": "048231",
}
DENIAL = {**ANSWERED, "authenticated": False}


def to_device() -> dict[str, tuple[MessageType, dict[str, Any]]]:
    """Return the messages of the server by name, with type and content."""
    return {
        "challenge": (MessageType.CHALLENGE, CHALLENGE),
        "number_matching_challenge": (MessageType.CHALLENGE, NUMBER_MATCHING_CHALLENGE),
        "code_challenge": (MessageType.CHALLENGE, CODE_CHALLENGE),
        "code": (MessageType.TOKEN, {"code": CODE_CHALLENGE["code"]}),
        "registered": (MessageType.TOKEN, {"token": PIN_TOKEN}),
    }


def to_server(signatures: dict[str, str]) -> dict[str, tuple[MessageType, dict[str, Any]]]:
    """Return the messages of the device by name, with an approval for each format of a signature."""
    credential = {"type": "pin", "token": PIN_TOKEN}
    approval = {**ANSWERED, "authenticated": True, "credential": credential}
    return {
        "registration": (
            MessageType.REGISTRATION,
            {"type": "pin", "nonce": "b8zqkZ4e1mJx", "issued_at": 1795530539461},
        ),
        **{name: (MessageType.ANSWER, {**approval, "signature": text}) for name, text in signatures.items()},
        "number_matching_approval": (MessageType.ANSWER, {**ANSWERED, "authenticated": True, "number": "07"}),
        "code_request": (MessageType.ANSWER, {**ANSWERED, "credential": credential}),
        "denial": (MessageType.ANSWER, DENIAL),
        "fraud_report": (MessageType.ANSWER, {**DENIAL, "fraud": True}),
    }


def vector(typ: MessageType, content: dict[str, Any], message: str) -> dict[str, Any]:
    return {"typ": typ.value, "content": content, "message": message}


def refused(reason: str, direction: str, typ: MessageType, message: str) -> dict[str, str]:
    """Return a message that its receiver must reject. `typ` is the type that the receiver expects."""
    return {"reason": reason, "direction": direction, "typ": typ.value, "message": message}
