"""Requests made up from the description: whatever comes, the answer is one that the description promises."""

import base64

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from tests import factories

schema = schemathesis.openapi.from_wsgi("/oauth/api/schema/", application)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def credentials(portal, device):
    """Return the headers by which a path's caller is known."""
    pair = f"{portal.api_client.client_id}:{factories.CLIENT_SECRET}"
    basic, bearer = "Basic " + base64.b64encode(pair.encode()).decode(), f"Bearer {device.device_token}"
    return lambda path: {"Authorization": bearer if path.startswith("/device/") else basic}


@pytest.fixture(autouse=True)
def documented_types(transactional_db):
    """The names that the description's examples use."""
    factories.TypeFactory(name="login")
    factories.TypeFactory(name="login-sms", method="sms")
    factories.TypeFactory(name="scan", method="otp")


@schema.include(path_regex="^/(oauth/api/v|device/)").parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case, credentials):
    case.call_and_validate(headers=credentials(case.path), checks=CHECKS)
