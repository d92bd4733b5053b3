"""Verification of codes (E5): format, attempt limit and single use."""

import re

import pytest
from django.db import connection

from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.conftest import Portal

pytestmark = pytest.mark.django_db


def error(response):
    return response.status_code, response.json()["error_code"]


WRONG, NOT_FOUND = (404, "3003"), (404, "3004")


@pytest.fixture
def transaction_id(sms_flow, sms_type):
    return sms_flow.start(sms_type)


def other_code(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_code_has_six_digits(sms_flow, sms_type, switch):
    switch(sms_per_number_per_hour=0)
    codes = {sms_flow.code(sms_flow.start(sms_type)) for _ in range(60)}
    assert all(re.fullmatch("[0-9]{6}", code) for code in codes)
    assert len(codes) > 55


def test_leading_zeros_are_significant(sms_flow, sms_type, switch):
    switch(sms_per_number_per_hour=0)
    transaction_id = next(
        transaction_id
        for transaction_id in (sms_flow.start(sms_type) for _ in range(400))
        if sms_flow.code(transaction_id).startswith("0")
    )
    code = sms_flow.code(transaction_id)
    assert error(sms_flow.verify(transaction_id, code[1:])) == WRONG
    assert sms_flow.verify(transaction_id, code).status_code == 200


def test_valid_code_authenticates(sms_flow, transaction_id):
    response = sms_flow.verify(transaction_id, sms_flow.code(transaction_id))
    assert (response.status_code, response.json()) == (200, {"transaction_id": transaction_id})
    result = sms_flow.portal.result(transaction_id).json()
    assert result["status"] == "authenticated"
    assert result["is_authenticated"] is True
    assert result["authentication_method"] == "sms"
    assert "callback_uri" not in result
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_AUTH_AUTHENTICATED"


def test_e3_returns_method_and_time_to_live(sms_flow, sms_type):
    body = sms_flow.post(sms_type).json()
    assert set(body) == {"transaction_id", "auth_method", "time_to_live"}
    assert (body["auth_method"], body["time_to_live"]) == ("sms", 300_000)


@pytest.mark.django_db(transaction=True)
def test_code_is_valid_before_and_after_delivery(sms_flow, sms_type, sent_messages):
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.verify(transaction_id, sent_messages[-1][0].code).status_code == 200


def test_code_is_single_use(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert sms_flow.verify(transaction_id, code).status_code == 200
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND


@pytest.mark.parametrize(
    "submitted",
    [
        "1",
        "12345",
        "1234567",
        "abcdef",
        "{code} ",
        " {code}",
        "{code}0",
        "{code}\n",
        "+{code}",
        "{wide}",
        "{arabic}",
        "é" * 6,
        "\x00",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "9" * 10_000,
    ],
)
def test_malformed_code_is_a_wrong_code(sms_flow, transaction_id, submitted):
    code = sms_flow.code(transaction_id)
    wide, arabic = ("".join(chr(base + int(digit)) for digit in code) for base in (0xFF10, 0x0660))
    response = sms_flow.verify(
        transaction_id, submitted.replace("{code}", code).replace("{wide}", wide).replace("{arabic}", arabic)
    )
    assert error(response) == WRONG
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 1
    assert sms_flow.verify(transaction_id, code).status_code == 200


def test_wrong_code_returns_error_3003_and_records_an_event(sms_flow, transaction_id):
    response = sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)))
    assert response.json() == {
        "error_code": "3003",
        "description": "Failed to authenticate, verification code invalid",
        "error": "invalid_verification_code",
        "error_description": "Failed to authenticate, verification code invalid",
    }
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE"


def test_valid_code_is_accepted_in_the_last_attempt(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert [error(sms_flow.verify(transaction_id, other_code(code))) for _ in range(2)] == [WRONG] * 2
    assert sms_flow.verify(transaction_id, code).status_code == 200


def test_attempt_limit_ends_the_transaction(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert [error(sms_flow.verify(transaction_id, other_code(code))) for _ in range(3)] == [WRONG] * 3
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND
    assert sms_flow.result(transaction_id) == ("not_authenticated", "invalid_answer")
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_AUTH_VALIDATION_LIMIT_EXCEEDED"


def test_attempt_of_an_interrupted_request_is_counted(sms_flow, transaction_id):
    Transaction.objects.update(attempts_used=3)
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id))) == NOT_FOUND
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 3


def test_unlimited_attempts_end_with_the_expiry(sms_flow, advance_clock):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, max_attempts=0)
    transaction_id = sms_flow.start(mobile_type)
    code = sms_flow.code(transaction_id)
    assert {error(sms_flow.verify(transaction_id, other_code(code))) for _ in range(30)} == {WRONG}
    advance_clock(240)
    assert error(sms_flow.verify(transaction_id, other_code(code))) == WRONG
    advance_clock(60)
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND
    assert sms_flow.result(transaction_id) == ("expired", None)


def test_attempt_limit_is_fixed_at_initiation(sms_flow, sms_type, transaction_id):
    sms_type.max_attempts = 1
    sms_type.save()
    assert error(sms_flow.verify(transaction_id, "wrong")) == WRONG
    assert error(sms_flow.verify(transaction_id, "wrong")) == WRONG


def test_expired_code_is_rejected_before_the_expiry_sweep(sms_flow, transaction_id, advance_clock):
    code = sms_flow.code(transaction_id)
    advance_clock(300)
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND


def test_code_of_another_user_is_not_verified(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert error(sms_flow.verify(transaction_id, code, user_id="bert")) == NOT_FOUND
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 0


def test_code_of_another_client_is_not_verified(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    sms_flow.portal = Portal(sms_flow.portal.client, factories.ApiClientFactory())
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND


def test_code_of_another_transaction_is_wrong(sms_flow, sms_type, transaction_id):
    other = sms_flow.start(sms_type)
    if sms_flow.code(other) != sms_flow.code(transaction_id):
        assert error(sms_flow.verify(transaction_id, sms_flow.code(other))) == WRONG


@pytest.mark.parametrize("transaction_id", ["x", "0", "00000000-0000-0000-0000-000000000000"])
def test_unknown_transaction_is_not_found(sms_flow, sms_type, transaction_id):
    assert error(sms_flow.verify(transaction_id, "123456")) == NOT_FOUND


def test_push_and_otp_transactions_have_no_code(sms_flow, mobile_type, device):
    push = sms_flow.portal.start(mobile_type, device).json()["transaction_id"]
    assert error(sms_flow.verify(push, "123456")) == NOT_FOUND
    otp_type = factories.TypeFactory(method="otp")
    fields = {"type": otp_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    otp = sms_flow.portal.post("/oauth/api/v4/authenticate/user", fields).json()["transaction_id"]
    assert error(sms_flow.verify(otp, "123456")) == NOT_FOUND


@pytest.mark.parametrize("missing", ["transaction_id", "sms_code"])
@pytest.mark.parametrize("empty", [True, False])
def test_missing_parameter_is_named_and_uses_no_attempt(sms_flow, transaction_id, missing, empty):
    fields = {"transaction_id": transaction_id, "sms_code": sms_flow.code(transaction_id)}
    if empty:
        fields[missing] = ""
    else:
        del fields[missing]
    response = sms_flow.portal.post("/oauth/api/v4/authenticate/user/anna/sms", fields)
    assert error(response) == (400, "1003")
    assert missing in response.json()["description"]
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 0


def test_disabled_sms_rejects_initiation_and_verification(sms_flow, sms_type, transaction_id, change_general):
    change_general(sms_authentication_enabled=False)
    assert error(sms_flow.post(sms_type)) == (404, "3000")
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id))) == (404, "3000")
    assert Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_DISABLED").exists()


def test_disabled_sms_is_no_fallback(sms_flow, sms_type, change_general):
    push_type = factories.TypeFactory(fallback=sms_type)
    change_general(sms_authentication_enabled=False)
    assert error(sms_flow.post(push_type, callback_uri="http://127.0.0.1:9/")) == (404, "1001")


@pytest.mark.parametrize("version", ["v2", "v3", "v4"])
def test_all_api_versions_behave_alike(sms_flow, sms_type, version):
    path = f"/oauth/api/{version}/authenticate/user"
    form = {"type": sms_type.name, "user_id": "anna", "phone_number": "+31612345678"}
    transaction_id = sms_flow.portal.post(path, form).json()["transaction_id"]
    assert sms_flow.portal.post(path + "/anna/sms/resend", {"transaction_id": transaction_id}).status_code == 204
    fields = {"transaction_id": transaction_id, "sms_code": sms_flow.code(transaction_id)}
    assert sms_flow.portal.post(path + "/anna/sms", fields).status_code == 200


def test_database_contains_only_hash_and_encrypted_code(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, code_hash, message, phone_number FROM transactions_transaction")
        [columns] = cursor.fetchall()
    copy, code_hash, message, _number = columns
    assert copy.startswith("v2.")
    assert re.fullmatch(r"[0-9a-f]{8}:[0-9a-f]{64}", code_hash)
    assert message == "Your code: {code}"
    assert not [column for column in columns if re.search(rf"\b{code}\b", column)]
    details = [str(event.details) for event in sms_flow.events(transaction_id)]
    assert code not in " ".join(details)
