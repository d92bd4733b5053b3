"""Challenges and answers need a constant number of queries, independent of the number of stored rows."""

import pytest

from tests.api.test_query_budget import cached_configuration, populate, queries_of  # noqa: F401 - a fixture
from tests.devices.signing import sign

FETCH_BUDGET, ANSWER_BUDGET = 6, 9


@pytest.fixture
def signing_types(type_of):
    for kind in ("pin", "fingerprint", "custom", "push"):
        mobile_type = type_of(kind)
        mobile_type.transaction_signing = True
        mobile_type.save()


@pytest.fixture
def fetch_call(client, portal, type_of, device):
    """Return a function that fetches a new transaction of a kind."""

    def build(kind):
        started = portal.start(type_of(kind), device, signing_data="Pay 1 EUR").json()["transaction_id"]
        path, headers = f"/device/v1/transactions/{started}/fetch", {"Authorization": f"Bearer {device.device_token}"}
        body = {"profile_id": device.profile_id}
        return lambda: client.post(path, body, content_type="application/json", headers=headers)

    return build


@pytest.fixture
def answer_call(client, start_challenge, device):
    """Return a function that approves a new transaction of a kind."""

    def build(kind, name):
        challenge = start_challenge(kind, signing_data="Pay 1 EUR")
        credential = device.credential(name) if name else None
        signature = sign(device.secret_key, "Pay 1 EUR") if "signing_data" in challenge else None
        sealed = device.sealed_answer(challenge, credential=credential, signature=signature)
        return lambda: device.send(client, challenge["transaction_id"], sealed)

    return build


@pytest.mark.parametrize("kind", ["pin", "fingerprint", "custom", "push"])
def test_fetch_with_signing_data_has_a_constant_number_of_queries(fetch_call, signing_types, version, device, kind):
    fetch_call(kind)()
    before = queries_of(fetch_call(kind))
    assert len(before) <= FETCH_BUDGET, "\n".join(before)
    populate(version, device)
    assert len(queries_of(fetch_call(kind))) == len(before)


KINDS = [("pin", "pin"), ("fingerprint", "fingerprint"), ("fingerprint", "pin"), ("custom", "face"), ("push", None)]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_answer_has_a_constant_number_of_queries(answer_call, version, device, kind, name):
    answer_call(kind, name)()
    before = queries_of(answer_call(kind, name))
    assert len(before) <= ANSWER_BUDGET, "\n".join(before)
    populate(version, device)
    assert len(queries_of(answer_call(kind, name))) == len(before)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_signature_adds_no_query(answer_call, type_of, version, device, kind, name):
    answer_call(kind, name)()
    before = queries_of(answer_call(kind, name))
    mobile_type = type_of(kind)
    mobile_type.transaction_signing = True
    mobile_type.save()
    assert len(queries_of(answer_call(kind, name))) == len(before)


@pytest.mark.parametrize("kind", ["pin", "fingerprint"])
def test_valid_pin_after_an_invalid_one_adds_two_queries(answer_call, start_challenge, respond, device, client, kind):
    answer_call(kind, "pin")()
    before = queries_of(answer_call(kind, "pin"))
    challenge = start_challenge(kind)
    respond(challenge, "pin", token="wrong")
    sealed = device.sealed_answer(challenge, credential=device.credential("pin"))
    after = queries_of(lambda: device.send(client, challenge["transaction_id"], sealed))
    assert len(after) == len(before) + 2
