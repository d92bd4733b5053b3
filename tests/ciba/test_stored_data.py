"""What is stored of a request: no secret that can be read, and nothing after its transaction is purged."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.ciba.models import AuthenticationRequest
from apps.transactions import purge
from apps.transactions.models import PushDelivery, Transaction
from tests.api.test_query_budget import TRANSACTION_CONTROL, cached_configuration  # noqa: F401 - a fixture
from tests.ciba.calls import challenge_of
from tests.security.secret_search import all_places, assert_hidden

pytestmark = pytest.mark.django_db(transaction=True)
DETAILS = '[{"type": "payment", "account": "NL91ABNA0417164300"}]'


def test_secrets_are_never_stored_or_logged_readably(new_client, device, caplog, capfd):
    caplog.set_level(0)
    ciba = new_client(
        {"name": "sign", "transaction_signing": True, "number_matching_digits": 6},
        delivery_mode="ping",
        notification_endpoint="http://127.0.0.1:9/notify",
        authorization_details_types=["payment"],
    )
    notification_token = "notification-token-of-the-client"
    fields = {"client_notification_token": notification_token, "binding_message": "For the eyes of anna"}
    started = ciba.start(authorization_details=DETAILS, **fields).json()
    ciba.poll(started["auth_req_id"])
    secrets = {
        "request id": started["auth_req_id"],
        "notification token": notification_token,
        "verification number": started["verification_number"],
        "binding message": fields["binding_message"],
        "account": "NL91ABNA0417164300",
        "client secret": ciba.secret,
    }
    assert_hidden(secrets, all_places(""))
    device.answer(challenge_of(device), approve=True, number=started["verification_number"])
    tokens = ciba.poll(started["auth_req_id"]).json()
    ciba.userinfo(tokens["access_token"])
    secrets |= {name: tokens[name].rpartition(".")[2] for name in ("access_token", "id_token")}
    places = all_places("".join(capfd.readouterr()) + caplog.text)
    assert "CIBA_TOKENS_ISSUED" in places["log"]
    assert_hidden(secrets, places)


def test_request_is_purged_with_its_transaction(ciba, device):
    ciba.start()
    device.answer(challenge_of(device), approve=True)
    # An undelivered push keeps its transaction.
    PushDelivery.objects.update(state="done")
    purge.purge(timezone.now())
    assert not Transaction.objects.exists()
    assert not AuthenticationRequest.objects.exists()


def test_requests_have_a_query_budget(ciba, device):
    """A start has those of the portal API, and stores the request and its event."""
    auth_req_id = ciba.start().json()["auth_req_id"]

    def queries_of(call):
        with CaptureQueriesContext(connection) as captured:
            assert call().status_code in (200, 400)
        return [each["sql"] for each in captured if not each["sql"].startswith(TRANSACTION_CONTROL)]

    # A poll of a pending request reads the request with its transaction, and stores the time.
    assert len(queries_of(lambda: ciba.poll(auth_req_id))) == 2
    assert len(queries_of(ciba.start)) <= 8
