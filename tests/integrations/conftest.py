"""Fixtures of the integration with Keycloak: a fake realm, which calls this server and gets the results over HTTP."""

import json

import pytest

from apps.callbacks import delivery
from apps.callbacks.models import CallbackDelivery
from apps.integrations.models import KeycloakIntegration
from apps.outbox import claims
from apps.outgoing import key_sets
from tests import factories
from tests.fakes.keycloak import Keycloak

PATH = "/integrations/keycloak/demo"


@pytest.fixture
def keycloak():
    key_sets.clear()
    with Keycloak() as fake:
        yield fake


@pytest.fixture
def api_client(db):
    return factories.ApiClientFactory()


@pytest.fixture
def integration(keycloak, api_client, mobile_type):
    return KeycloakIntegration.objects.create(
        name="demo", realm_url=keycloak.realm_url, api_client=api_client, type=mobile_type
    )


@pytest.fixture
def post(client, integration):
    """Post a body with a bearer token, as Keycloak does, and return the response."""

    def run(body, token, path=PATH, content_type="application/json"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = body if isinstance(body, str) else json.dumps(body)
        return client.post(path, body, content_type=content_type, headers=headers)

    return run


@pytest.fixture
def start(keycloak, post, device):
    """Start an authentication of the user of `device`, and return the id of the request at Keycloak."""

    def run(**members):
        response, jti = keycloak.authenticate(post, **members)
        assert response.status_code == 201, response.content
        return jti

    return run


@pytest.fixture
def deliver(db):
    """Deliver the due results as the worker does, and return the only one."""

    def run():
        CallbackDelivery.objects.filter(state="due").update(due_at="2026-01-01T00:00:00Z")
        rows = claims.claim(CallbackDelivery, list(CallbackDelivery.objects.values_list("pk", flat=True)))
        for _recorded in delivery.deliver(rows):
            pass
        return CallbackDelivery.objects.get()

    return run
