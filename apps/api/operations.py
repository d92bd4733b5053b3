"""Operations of the OpenAPI description: what all of them share, and the components that they refer to."""

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema

from apps.api.device import key_sets
from apps.api.events import serializers as events
from apps.api.path_parameters import PATH_PARAMETERS
from apps.api.portal.callback import callbacks
from apps.common import errors

Operation = dict[str, Any]

HEADERS = {
    "X-Request-Id": {
        "description": "Id of the request, which is also in the log of the server.",
        "required": True,
        "schema": {"type": "string"},
        "example": "5f0c7c1de0b94a1d",
    },
    "Retry-After": {
        "description": "Seconds after which a repeated request can succeed.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 60,
    },
    "WWW-Authenticate": {
        "description": "Authentication scheme of the operation (RFC 9110).",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Basic realm="Countersign", charset="UTF-8"',
    },
}
STATUS_HEADERS = {"401": ["WWW-Authenticate"], "429": ["Retry-After"], "503": ["Retry-After"]}
# The newest version is described first.
ORDER = (
    "/oauth/api/v4/authenticate",
    "/oauth/api/v4/",
    "/oauth/api/v1/",
    "/oauth/bc-authorize",
    "/oauth/token",
    "/oauth/userinfo",
    "/oauth/jwks",
    "/.well-known/",
    "/device/",
    "/integrations/",
    "/oauth/api/v3/",
)
# Schemas of requests that are equal to one of responses, which replaces them.
EQUAL_SCHEMAS = {"SealedRequest": "Sealed", "ResendSmsCodeRequest": "TransactionReference"}


class OperationSchema(AutoSchema):
    """Generator of an operation. The versions of an operation share a view and differ in the suffix of their names."""

    def get_operation(self, path: str, *arguments: Any) -> Operation | None:
        operation: Operation | None = super().get_operation(path, *arguments)
        if operation:
            _name_version(operation, path)
            _describe_path_parameters(operation)
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            if "/v4/" in path:
                _remove_error(operation, errors.VersionMandatory.token)
            operation["responses"] = dict(sorted(operation["responses"].items()))
            for status, response in operation["responses"].items():
                names = ["X-Request-Id", *STATUS_HEADERS.get(status, [])]
                response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        return operation


def _name_version(operation: Operation, path: str) -> None:
    """Append the older versions to the operation id and the tag."""
    if version := re.search(r"^/oauth/api/v([23])/", path):
        operation["operationId"] += f"V{version[1]}"
        operation["tags"] = [f"{tag} (version {version[1]})" for tag in operation["tags"]]


def _describe_path_parameters(operation: Operation) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter.update(PATH_PARAMETERS[parameter["name"]])


def _remove_error(operation: Operation, token: str) -> None:
    for response in operation["responses"].values():
        for media in response.get("content", {}).values():
            examples = media.get("examples", {})
            remaining = {name: example for name, example in examples.items() if example["value"].get("error") != token}
            if remaining != examples:
                media["examples"] = remaining
                response["description"] = ", ".join(f"`{name}`" for name in tokens(response))


def tokens(response: Operation) -> list[str]:
    """Return the names of the errors of a response."""
    [media] = response["content"].values()
    return [example["value"]["error"] for example in media["examples"].values()]


def complete(result: dict[str, Any], **_arguments: Any) -> dict[str, Any]:
    """Order the paths, add the callback and replace repeated responses by references (hook of drf-spectacular)."""
    result["paths"] = dict(sorted(result["paths"].items(), key=lambda item: _position(item[0])))
    result["components"] |= {"headers": HEADERS}
    _merge_equal_schemas(result)
    schemas = {**result["components"]["schemas"], **key_sets.SCHEMAS, **events.SCHEMAS}
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    responses: dict[str, Operation] = {}
    for path, methods in result["paths"].items():
        for operation in methods.values():
            if start := re.fullmatch(r"startAuthentication(V\d)?", operation["operationId"]):
                operation["callbacks"] = callbacks(start[1] or "")
            for status, response in operation["responses"].items():
                if _is_error(response):
                    name = _component(responses, response, _response_names(operation, path, status, response))
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    result["components"]["responses"] = dict(sorted(responses.items()))
    return result


def _merge_equal_schemas(result: dict[str, Any]) -> None:
    """Replace schemas of requests by those of responses that are the same."""
    schemas = result["components"]["schemas"]
    for request, response in EQUAL_SCHEMAS.items():
        if schemas.pop(request) != schemas[response]:
            raise ValueError(f"{request} and {response} differ.")
    for methods in result["paths"].values():
        for operation in methods.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                name = media["schema"].get("$ref", "").rpartition("/")[2]
                if name in EQUAL_SCHEMAS:
                    media["schema"] = {"$ref": f"#/components/schemas/{EQUAL_SCHEMAS[name]}"}


def _position(path: str) -> tuple[int, str]:
    return next((index for index, prefix in enumerate(ORDER) if path.startswith(prefix)), len(ORDER)), path


def _is_error(response: Operation) -> bool:
    """Return True if the body is an `Error`."""
    schemas = [media["schema"] for media in response.get("content", {}).values()]
    return schemas == [{"$ref": "#/components/schemas/Error"}]


def _response_names(operation: Operation, path: str, status: str, response: Operation) -> list[str]:
    """Return the possible names of a response: that of its only error, or the operation's with the status."""
    names = tokens(response)
    name = _pascal_case(operation["operationId"])
    if len(names) > 1:
        # The versions of an operation use the name of the newest of them that has this response.
        base, phrase = re.sub(r"V\d$", "", name), _pascal_case(HTTPStatus(int(status)).phrase)
        return [f"{base}{phrase}", f"{base}V3{phrase}", f"{name}{phrase}"]
    return [("Device" if path.startswith("/device/") else "") + _pascal_case(names[0])]


def _pascal_case(text: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in re.split(r"[\s_-]+", text))


def _component(responses: dict[str, Operation], response: Operation, names: list[str]) -> str:
    """Add the response to the components, unless it is there, and return its name."""
    for name in names:
        if responses.setdefault(name, response) == response:
            return name
    raise ValueError(f"The responses named {names[-1]} differ.")
