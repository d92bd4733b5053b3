"""Authentications that Keycloak requests: from its request to the result that its callback endpoint gets."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from apps.callbacks import delivery, transport
from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import PushEnrollment
from apps.integrations.models import KeycloakIntegration, KeycloakRequest, UserIdRule
from apps.outbox import claims
from apps.outbox import models as outbox
from apps.transactions import lifecycle
from apps.transactions.models import PushDelivery, Transaction
from tests import factories
from tests.api.test_races import at_once
from tests.fakes import keycloak as fake
from tests.integrations.conftest import PATH

pytestmark = pytest.mark.django_db(transaction=True)


def stored_bearer():
    """Return the bearer token as the database stores it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT bearer FROM integrations_keycloakrequest")
        return cursor.fetchone()[0]


def results(keycloak):
    return [json.loads(request["body"]) for request in keycloak.received if request["path"] == fake.CALLBACK]


def answer(device, *, approve=True):
    return device.answer(device.fetch(str(Transaction.objects.get().pk)), approve=approve)


def expire():
    KeycloakRequest.objects.update(expires_at=timezone.now())


def test_approval_is_reported_with_the_same_token_which_is_erased(keycloak, start, device, deliver, api_client):
    jti = start(binding_message="W4SCT")
    transaction = Transaction.objects.get()
    assert (transaction.user_id, transaction.message, transaction.client) == ("anna", "W4SCT", api_client)
    assert 100 < transaction.time_to_live_seconds <= keycloak.lifetime_seconds - 5
    assert len(stored_bearer()) > 100
    assert "eyJ" not in stored_bearer()
    assert answer(device) == "authenticated"
    assert keycloak.poll(jti) == fake.PENDING
    row = deliver()
    assert (row.state, row.kind, row.attempts_made) == (outbox.State.DONE, "keycloak", 1)
    assert results(keycloak) == [{"status": "SUCCEED"}]
    assert keycloak.received[-1]["headers"]["content-type"] == "application/json"
    assert stored_bearer() == ""
    assert keycloak.poll(jti) == fake.APPROVED


def deny(device):
    answer(device, approve=False)


def report_fraud(device):
    transaction_id = str(Transaction.objects.get().pk)
    token = device.fetch(transaction_id)["token"]
    content = {"transaction_id": transaction_id, "token": token, "authenticated": False, "fraud": True}
    device.send_answer(transaction_id, device.seal(content))


def expire_transaction(_device):
    Transaction.objects.update(expires_at=timezone.now())
    lifecycle.expire_due()


def cancel(_device):
    call_command("cancel_transaction", str(Transaction.objects.get().pk))


def lose_device(_device):
    PushEnrollment.objects.all().delete()
    Transaction.objects.get().profile.device.delete()
    lifecycle.end_unanswerable()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (deny, "UNAUTHORIZED"),
        (report_fraud, "UNAUTHORIZED"),
        (expire_transaction, "CANCELLED"),
        (cancel, "CANCELLED"),
        (lose_device, "CANCELLED"),
    ],
)
def test_end_without_an_approval_is_reported(keycloak, start, device, deliver, end, status):
    jti = start()
    end(device)
    deliver()
    assert results(keycloak) == [{"status": status}]
    assert keycloak.poll(jti) == fake.DENIED


def test_failed_result_is_retried_and_a_reported_one_is_not_repeated_at_once(keycloak, start, device, deliver):
    jti = start()
    keycloak.script[fake.CALLBACK] = [{"status": 503}]
    answer(device)
    row = deliver()
    assert row.state == outbox.State.DUE
    assert timedelta(seconds=9) < row.due_at - timezone.now() <= timedelta(seconds=11)
    assert stored_bearer()
    assert deliver().state == outbox.State.DONE
    assert keycloak.poll(jti) == fake.APPROVED


def test_rejected_result_is_final(keycloak, start, device, deliver):
    start()
    keycloak.requests.clear()
    answer(device)
    assert deliver().state == outbox.State.FAILED
    assert stored_bearer() == ""
    with pytest.raises(CommandError, match="erased"):
        call_command("redeliver_callbacks", str(Transaction.objects.get().pk))


def test_expired_token_is_not_sent(keycloak, start, device, deliver):
    start()
    answer(device)
    expire()
    row = deliver()
    assert (row.state, row.attempts.get().reason) == (
        outbox.State.FAILED,
        "the bearer token of the request has expired",
    )
    assert (results(keycloak), stored_bearer()) == ([], "")
    PushDelivery.objects.update(state="done")
    call_command("purge", "--days", "0")
    assert not KeycloakRequest.objects.exists()


def test_worker_killed_after_sending_leaves_the_approval_and_erases_the_token(keycloak, start, device, deliver):
    jti = start()
    answer(device)
    row = CallbackDelivery.objects.get()
    ready, _failed = delivery._build_requests(claims.claim(CallbackDelivery, [row.pk]))
    # The worker is killed here: the result is sent, and not recorded.
    assert [result.status for part in transport.send_all(ready) for _row, result in part] == [200]
    assert keycloak.poll(jti) == fake.APPROVED
    CallbackDelivery.objects.update(leased_until=timezone.now())
    row = deliver()
    assert (row.state, row.attempts_made, stored_bearer()) == (outbox.State.FAILED, 2, "")
    assert [request["status"] for request in keycloak.received[1:]] == [200, 403]


def test_repeated_request_starts_one_transaction(keycloak, post, device, integration):
    token = keycloak.sign(keycloak.claims())
    KeycloakIntegration.objects.create(
        name="same-realm", realm_url=keycloak.realm_url, api_client=integration.api_client, type=integration.type
    )
    paths = [PATH, PATH, "/integrations/keycloak/same-realm"]
    assert [post({"login_hint": "anna"}, token, path).status_code for path in paths] == [201] * 3
    assert Transaction.objects.count() == 1
    assert post({"login_hint": "anna"}, keycloak.sign(keycloak.claims())).status_code == 201
    assert Transaction.objects.count() == 2


def test_concurrent_requests_with_one_token_start_one_transaction(keycloak, device, integration):
    token, body = keycloak.sign(keycloak.claims()), json.dumps({"login_hint": "anna"})

    def request(client):
        headers = {"Authorization": f"Bearer {token}"}
        return client.post(PATH, body, content_type="application/json", headers=headers).status_code

    assert 201 in (statuses := at_once(*[request] * 5))
    assert set(statuses) <= {201, 409}
    assert (Transaction.objects.count(), KeycloakRequest.objects.count()) == (1, 1)


def test_key_rotation_of_the_realm_needs_no_change(keycloak, start, monkeypatch):
    start()
    monkeypatch.setattr("apps.outgoing.key_sets.MIN_INTERVAL_SECONDS", 0)
    keycloak.keys = [fake.key_set.key("second"), *keycloak.keys]
    start()
    assert [request["path"] for request in keycloak.received] == [fake.CERTS] * 2
    keycloak.keys = keycloak.keys[:1]
    start()


def test_user_id_is_derived_from_the_login_hint(integration, start, enroll):
    rules = [(UserIdRule.UNCHANGED, "anna"), (UserIdRule.LOWER_CASE, "ANNA"), (UserIdRule.BEFORE_AT, "anna@shop.nl")]
    for integration.user_id_rule, login_hint in [*rules, (UserIdRule.BEFORE_AT, "anna")]:
        integration.save()
        start(login_hint=login_hint)
    enroll("shop:anna@eu")
    integration.user_id_prefix, integration.user_id_suffix = "shop:", "@eu"
    integration.save()
    start(login_hint="anna@shop.nl")
    user_ids = list(Transaction.objects.order_by("pk").values_list("user_id", flat=True))
    assert user_ids == [*["anna"] * 4, "shop:anna@eu"]


def test_acr_values_select_only_types_that_the_integration_allows(integration, start, mobile_type):
    allowed, other = factories.TypeFactory(), factories.TypeFactory()
    integration.acr_types = ["gone", allowed.name]
    integration.save()
    for acr_values in ("", other.name, f"{other.name} {allowed.name}"):
        start(acr_values=acr_values)
    names = list(Transaction.objects.order_by("pk").values_list("type_name", flat=True))
    assert names == [mobile_type.name, mobile_type.name, allowed.name]


def test_deleted_type_of_acr_values_is_not_found(integration, keycloak, post, device):
    integration.acr_types = ["gone"]
    integration.save()
    response, _jti = keycloak.authenticate(post, acr_values="gone")
    assert (response.status_code, response.json()["error"]) == (404, "type_not_found")
