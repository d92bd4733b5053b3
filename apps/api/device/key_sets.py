"""Schemas of the OpenAPI description without a serializer: key sets, and objects with any members."""

from typing import Any

SCHEMAS: dict[str, Any] = {
    "JsonObject": {
        "type": "object",
        "description": "JSON object whose members depend on the context.",
        "additionalProperties": {},
    },
    "KeySet": {
        "type": "object",
        "description": "JWK Set (RFC 7517) of EC keys on P-256.",
        "required": ["keys"],
        "properties": {
            "keys": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Key"},
                "description": "Of a device or for a device: one key that signs and one that encrypts.",
            }
        },
    },
    "Key": {
        "type": "object",
        "description": "Public JWK.",
        "required": ["kty", "crv", "x", "y", "use", "alg"],
        "properties": {
            "kty": {"type": "string", "description": "`EC`."},
            "crv": {"type": "string", "description": "`P-256`."},
            "x": {"type": "string", "description": "First coordinate, in base64url."},
            "y": {"type": "string", "description": "Second coordinate, in base64url."},
            "use": {"type": "string", "description": "`sig` or `enc`."},
            "alg": {"type": "string", "description": "`ES256` for `sig`, `ECDH-ES+A256KW` for `enc`."},
            "kid": {"type": "string", "description": "Id of the key, in responses."},
        },
    },
}
