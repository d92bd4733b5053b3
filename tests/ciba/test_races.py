"""Concurrent requests: tokens are issued once, and one key is created."""

import pytest

from apps.ciba.models import SigningKey
from apps.events.models import Event
from tests.api.test_races import at_once, own_transactions  # noqa: F401 - a fixture
from tests.ciba.calls import CibaApi, challenge_of, error_of
from tests.ciba.conformance import suite
from tests.fakes import key_set

pytestmark = pytest.mark.django_db(transaction=True)


def test_concurrent_token_requests_get_tokens_once(ciba, device):
    auth_req_id = ciba.start().json()["auth_req_id"]
    device.answer(challenge_of(device), approve=True)

    def redeem(client):
        return CibaApi(client, ciba.api_client).poll(auth_req_id)

    responses = at_once(*[redeem] * 10)
    assert [response.status_code for response in responses].count(200) == 1
    assert {error_of(response) for response in responses if response.status_code != 200} == {(400, "invalid_grant")}
    assert Event.objects.filter(event_type="CIBA_TOKENS_ISSUED").count() == 1
    assert SigningKey.objects.count() == 1


def test_concurrent_requests_use_an_assertion_once(client, mobile_type):
    signing = suite.register(client, mobile_type, key_set.key("client-1"))
    form = {"grant_type": suite.GRANT_TYPE, "auth_req_id": "unknown", **signing.credentials()}

    def send(http):
        return suite.SuiteClient(http, signing.row, signing.key).post(suite.TOKEN, form)

    statuses = [response.status_code for response in at_once(*[send] * 6)]
    assert sorted(statuses) == [400, *[401] * 5]


def test_concurrent_first_uses_create_one_key(ciba):
    responses = at_once(*[lambda client: client.get("/oauth/jwks")] * 8)
    assert len({response.content for response in responses}) == 1
    assert SigningKey.objects.count() == Event.objects.filter(event_type="CIBA_SIGNING_KEY_CREATED").count() == 1
