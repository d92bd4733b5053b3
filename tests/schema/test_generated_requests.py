"""Requests made up from the description: whatever comes, the answer is one that the description promises."""

import base64

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from config.wsgi import application
from tests import factories

schema = schemathesis.openapi.from_wsgi("/oauth/api/schema/", application)
# Every check that schemathesis has, but two that ask for more than a schema can say:
# - what fits the schema may still be refused, because it names something that does not exist or is given twice;
# - what does not fit may be taken: fields that a request has no use for are ignored, as the API promises.
EXCLUDED = [positive_data_acceptance, negative_data_rejection]


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


# Parametrized here and not by schemathesis, whose tests all have one name: of those, xdist would run one.
OPERATIONS = [found.ok() for found in schema.include(path_regex="^/(oauth/api/v|device/)").get_all_operations()]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_as_described(operation, credentials):
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=right | wrong)
    def answers_as_described(case):
        case.call_and_validate(headers=credentials(case.path), excluded_checks=EXCLUDED)

    answers_as_described()
