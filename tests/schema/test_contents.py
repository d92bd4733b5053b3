"""What integrators find in the OpenAPI description: names, texts, errors, headers, limits, callback, formats."""

import json
import re

import pytest
import yaml
from django.conf import settings

from apps.ciba import errors as ciba
from apps.common import errors
from tests.schema.test_schema import OPERATIONS, SCHEMA, every_operation, responses

OPERATION_IDS = {operation["operationId"] for _path, _method, operation in OPERATIONS}
PORTAL = "/oauth/api/v4/authenticate"
URL = "/oauth/api/schema/"


def operation_of(operation_id):
    [found] = [operation for _path, _method, operation in OPERATIONS if operation["operationId"] == operation_id]
    return found


@every_operation
def test_operation_is_described_for_integrators(path, method, operation):
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+(V[23])?", operation["operationId"])
    version = re.match(r"/oauth/api/v([23])/", path)
    assert operation["operationId"].endswith(f"V{version[1]}" if version else tuple("abcdefghijklmnopqrstuvwxyz"))
    assert operation["summary"].strip()
    assert len(operation["description"].strip()) > 40
    # The numbers of the contract are internal names.
    assert not re.search(r"\bE\d\b", json.dumps(operation))
    for parameter in operation.get("parameters", []):
        assert parameter["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in SCHEMA["tags"]}


@every_operation
def test_operation_refers_to_its_errors(path, method, operation):
    statuses = operation["responses"]
    assert {"500", "503"} <= set(statuses)
    assert ("401" in statuses) or operation["security"] == [{}]
    has_body = "requestBody" in operation and "Sealed" not in json.dumps(operation)
    # OAuth has no names for these errors: CIBA reports them as invalid requests.
    assert {"413", "415"} <= set(statuses) or not has_body or operation["tags"] == ["CIBA"]
    for status, response in responses(operation).items():
        assert response["description"]
        expected = {"X-Request-Id"}
        expected |= {"WWW-Authenticate"} if status == "401" else set()
        expected |= {"Retry-After"} if status in ("429", "503") else set()
        assert set(response["headers"]) == expected
    own_bodies = {"404", "500"} if "/devices" in path else set()
    for status in (status for status in statuses if int(status) >= 400 and status not in own_bodies):
        assert set(statuses[status]) == {"$ref"}


def test_all_error_responses_have_the_same_typed_body():
    assert SCHEMA["components"]["responses"]
    for response in SCHEMA["components"]["responses"].values():
        [media] = response["content"].values()
        assert media["schema"] == {"$ref": "#/components/schemas/Error"}
    members = SCHEMA["components"]["schemas"]["Error"]["properties"]
    assert {name: member["type"] for name, member in members.items()} == {
        "error": "string",
        "error_description": "string",
        "error_code": "string",
        "description": "string",
        "used_attempts": "integer",
        "max_attempts": "integer",
    }


def test_every_error_of_the_server_is_in_the_description():
    described = {
        example["value"]["error"]
        for response in SCHEMA["components"]["responses"].values()
        for media in response["content"].values()
        for example in media["examples"].values()
    }
    # Errors of paths and methods that do not exist have no operation.
    errors_of_apis = {value for module in (errors, ciba) for value in vars(module).values() if isinstance(value, type)}
    assert described == {error.token for error in errors_of_apis} - {"method_not_allowed"}


def test_every_member_of_a_body_is_described():
    missing = [
        f"{name}.{member}"
        for name, schema in SCHEMA["components"]["schemas"].items()
        for member, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    assert missing == []


def test_operations_of_the_portal_have_stable_names():
    names = {"startAuthentication", "getTransaction", "cancelTransaction", "resendPush", "verifySmsCode"}
    names |= {"resendSmsCode", "listUserTypes"}
    for suffix in ("", "V3", "V2"):
        assert {name + suffix for name in names} <= OPERATION_IDS
    assert {"listDeviceTypes", "listApplicationTypesV3", "listTypeNamesV2"} <= OPERATION_IDS
    assert {"enrollDevice", "listDevices", "listDevicesV3", "listEvents"} <= OPERATION_IDS


def test_versions_of_a_start_have_their_own_parameters():
    parameters = {
        version: set(SCHEMA["components"]["schemas"][f"StartAuthentication{version}Request"]["properties"])
        for version in ("", "V3", "V2")
    }
    assert parameters[""] - parameters["V2"] == {"device_id"}
    assert parameters["V3"] - parameters["V2"] == {"app_id"}


def test_only_old_versions_report_that_version_4_is_mandatory():
    for path, _method, operation in OPERATIONS:
        if "/authenticate/" in path:
            assert ("version_mandatory" in json.dumps(responses(operation))) == ("/v4/" not in path)


def test_parameters_of_a_start_have_limits():
    members = SCHEMA["components"]["schemas"]["StartAuthenticationRequest"]["properties"]
    limits = {name: member.get("maxLength") for name, member in members.items()}
    assert limits["user_id"] == 255
    assert limits["callback_uri"] == 2000
    assert limits["message"] == settings.MESSAGE_MAX_LENGTH
    [key] = operation_of("startAuthentication")["parameters"]
    assert key["name"] == "Idempotency-Key"
    assert key["schema"]["maxLength"] == 255


@pytest.mark.parametrize("version", ["", "V3", "V2"])
def test_callback_is_described_with_its_headers(version):
    [path] = operation_of(f"startAuthentication{version}")["callbacks"]["transactionEnded"].items()
    assert path[0] == "{$request.body#/callback_uri}"
    callback = path[1]["post"]
    assert {parameter["name"] for parameter in callback["parameters"]} == {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    [media] = callback["requestBody"]["content"].values()
    assert set(media["example"]) == set(media["schema"]["required"]) == {"callback_uri", "transaction_id"}
    assert "2XX" in callback["responses"]


def test_server_is_the_public_url():
    assert [server["url"] for server in SCHEMA["servers"]] == [settings.PUBLIC_URL]


@pytest.mark.parametrize(
    ("parameters", "accept", "name"),
    [
        ({}, "*/*", "yaml"),
        ({}, "application/json", "json"),
        ({}, "application/yaml, application/json;q=0.9", "yaml"),
        ({}, "image/png", "yaml"),
        ({"format": "json"}, "application/yaml", "json"),
        ({"format": "yaml"}, "application/json", "yaml"),
    ],
)
def test_format_is_that_of_the_request(client, db, parameters, accept, name):
    response = client.get(URL, parameters, headers={"Accept": accept})
    assert response.status_code == 200
    assert name in response["Content-Disposition"]
    assert ("json" in response["Content-Type"]) == (name == "json")
    parsed = json.loads(response.content) if name == "json" else yaml.safe_load(response.content)
    assert parsed == json.loads(json.dumps(SCHEMA))


@pytest.mark.parametrize("name", ["xml", "JSON", "../json"])
def test_unknown_format_is_rejected(client, db, name):
    response = client.get(URL, {"format": name})
    assert response.status_code == 400
    assert response.json() == {
        "error": "invalid_request",
        "error_description": "The parameter format must be json or yaml.",
    }
