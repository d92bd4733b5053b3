"""The two clients of the conformance suite. The user has no device until a test enrols one."""

import pytest

from tests import factories
from tests.ciba.conformance import suite
from tests.fakes import key_set


@pytest.fixture
def first_client(client, mobile_type):
    return suite.register(client, mobile_type, key_set.key("client-1"))


@pytest.fixture
def suite_client(first_client, enroll):
    """Return the first client, with the device of the user."""
    first_client.device = enroll()
    return first_client


@pytest.fixture
def second_client(client, mobile_type):
    return suite.register(client, mobile_type, key_set.key("client-2"))


@pytest.fixture
def version(db):
    return factories.ApplicationVersionFactory()
