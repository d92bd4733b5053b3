"""What proof costs: a constant number of queries, whatever the server holds."""

import pytest

from tests.api.test_query_budget import cached_configuration, populate, queries_of  # noqa: F401 - a fixture
from tests.devices.signing import sign

FETCH_BUDGET, ANSWER_BUDGET = 6, 9


@pytest.fixture
def signs(type_of):
    for kind in ("pin", "fingerprint", "custom", "push"):
        mobile_type = type_of(kind)
        mobile_type.transaction_signing = True
        mobile_type.save()


@pytest.fixture
def fetching(client, portal, type_of, phone):
    """Return a call that fetches a new transaction of a kind."""

    def build(kind):
        started = portal.start(type_of(kind), phone, signing_data="Pay 1 EUR").json()["transaction_id"]
        path, headers = f"/device/v1/transactions/{started}/fetch", {"Authorization": f"Bearer {phone.device_token}"}
        body = {"profile_id": phone.profile_id}
        return lambda: client.post(path, body, content_type="application/json", headers=headers)

    return build


@pytest.fixture
def answering(client, ask, phone):
    """Return a call that approves a new transaction of a kind."""

    def build(kind, name):
        challenge = ask(kind, signing_data="Pay 1 EUR")
        credential = phone.credential(name) if name else None
        signature = sign(phone.secret_key, "Pay 1 EUR") if "signing_data" in challenge else None
        sealed = phone.sealed_answer(challenge, credential=credential, signature=signature)
        return lambda: phone.send(client, challenge["transaction_id"], sealed)

    return build


@pytest.mark.parametrize("kind", ["pin", "fingerprint", "custom", "push"])
def test_a_fetch_with_data_to_sign_keeps_its_budget_and_does_not_grow(fetching, signs, version, phone, kind):
    fetching(kind)()
    before = queries_of(fetching(kind))
    assert len(before) <= FETCH_BUDGET, "\n".join(before)
    populate(version, phone)
    assert len(queries_of(fetching(kind))) == len(before)


KINDS = [("pin", "pin"), ("fingerprint", "fingerprint"), ("fingerprint", "pin"), ("custom", "face"), ("push", None)]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_an_answer_keeps_its_budget_and_does_not_grow(answering, version, phone, kind, name):
    answering(kind, name)()
    before = queries_of(answering(kind, name))
    assert len(before) <= ANSWER_BUDGET, "\n".join(before)
    populate(version, phone)
    assert len(queries_of(answering(kind, name))) == len(before)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_signature_costs_one_event(answering, type_of, version, phone, kind, name):
    answering(kind, name)()
    before = queries_of(answering(kind, name))
    mobile_type = type_of(kind)
    mobile_type.transaction_signing = True
    mobile_type.save()
    assert len(queries_of(answering(kind, name))) == len(before) + 1


@pytest.mark.parametrize("kind", ["pin", "fingerprint"])
def test_after_a_wrong_pin_a_right_one_costs_two_more(answering, ask, respond, phone, client, kind):
    answering(kind, "pin")()
    before = queries_of(answering(kind, "pin"))
    challenge = ask(kind)
    respond(challenge, "pin", token="wrong")
    sealed = phone.sealed_answer(challenge, credential=phone.credential("pin"))
    after = queries_of(lambda: phone.send(client, challenge["transaction_id"], sealed))
    assert len(after) == len(before) + 2
