"""Requests generated from the description get only described responses."""

import base64

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from apps.ciba.models import CibaClient
from apps.transactions.types import MobileAuthenticationType
from config.wsgi import application
from tests import factories

schema = schemathesis.openapi.from_wsgi("/oauth/api/schema/", application)
# All checks of schemathesis except two, which a schema cannot fulfil:
# - a valid request can still be rejected, for example because of an unknown id;
# - an invalid request can be accepted, because unknown fields are ignored.
EXCLUDED = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture
def credentials(portal, device, documented_types):
    """Return a function that returns the credentials for a path."""
    CibaClient.objects.create(client=portal.api_client, default_type=MobileAuthenticationType.objects.get(name="login"))
    pair = f"{portal.api_client.client_id}:{factories.CLIENT_SECRET}"
    basic, bearer = "Basic " + base64.b64encode(pair.encode()).decode(), f"Bearer {device.device_token}"
    return lambda path: {"Authorization": bearer if path.startswith("/device/") else basic}


@pytest.fixture(autouse=True)
def documented_types(transactional_db):
    """Create the types of the examples in the description."""
    factories.TypeFactory(name="login")
    factories.TypeFactory(name="login-sms", method="sms")
    factories.TypeFactory(name="scan", method="otp")


# Parametrized with pytest: tests parametrized by schemathesis have the same name, so xdist would run only one.
OPERATIONS = [
    result.ok() for result in schema.include(path_regex="^/(oauth/|device/|[.]well-known/)").get_all_operations()
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_response_is_as_described(operation, credentials):
    valid, invalid = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=valid | invalid)
    def check_response(case):
        case.call_and_validate(headers=credentials(case.path), excluded_checks=EXCLUDED)

    check_response()
