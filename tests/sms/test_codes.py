"""E5: six digits, judged by their hash, usable once, with a number of attempts."""

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


def test_a_code_is_six_digits(sms_flow, sms_type, switch):
    switch(sms_per_number_per_hour=0)
    codes = {sms_flow.code(sms_flow.start(sms_type)) for _ in range(60)}
    assert all(re.fullmatch("[0-9]{6}", code) for code in codes)
    assert len(codes) > 55


def test_leading_zeros_count(sms_flow, sms_type, switch):
    switch(sms_per_number_per_hour=0)
    transaction_id = next(
        transaction_id
        for transaction_id in (sms_flow.start(sms_type) for _ in range(400))
        if sms_flow.code(transaction_id).startswith("0")
    )
    code = sms_flow.code(transaction_id)
    assert error(sms_flow.verify(transaction_id, code[1:])) == WRONG
    assert sms_flow.verify(transaction_id, code).status_code == 200


def test_the_right_code_authenticates(sms_flow, transaction_id):
    response = sms_flow.verify(transaction_id, sms_flow.code(transaction_id))
    assert (response.status_code, response.json()) == (200, {"transaction_id": transaction_id})
    result = sms_flow.portal.result(transaction_id).json()
    assert result["status"] == "authenticated"
    assert result["is_authenticated"] is True
    assert result["authentication_method"] == "sms"
    assert "callback_uri" not in result
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_AUTH_AUTHENTICATED"


def test_the_answer_of_e3_names_the_method_and_the_life(sms_flow, sms_type):
    body = sms_flow.post(sms_type).json()
    assert set(body) == {"transaction_id", "auth_method", "time_to_live"}
    assert (body["auth_method"], body["time_to_live"]) == ("sms", 300_000)


@pytest.mark.django_db(transaction=True)
def test_a_code_works_after_the_gateway_has_answered(sms_flow, sms_type, sent_messages):
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.verify(transaction_id, sent_messages[-1][0].code).status_code == 200


def test_a_code_works_once(sms_flow, transaction_id):
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
def test_what_is_not_the_six_digits_is_as_wrong_as_any_other(sms_flow, transaction_id, submitted):
    code = sms_flow.code(transaction_id)
    wide, arabic = ("".join(chr(base + int(digit)) for digit in code) for base in (0xFF10, 0x0660))
    response = sms_flow.verify(
        transaction_id, submitted.replace("{code}", code).replace("{wide}", wide).replace("{arabic}", arabic)
    )
    assert error(response) == WRONG
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 1
    assert sms_flow.verify(transaction_id, code).status_code == 200


def test_a_wrong_code_has_its_text_and_its_event(sms_flow, transaction_id):
    response = sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)))
    assert response.json() == {
        "error_code": "3003",
        "description": "Failed to authenticate, verification code invalid",
        "error": "invalid_verification_code",
        "error_description": "Failed to authenticate, verification code invalid",
    }
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE"


def test_the_last_attempt_may_be_the_right_one(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert [error(sms_flow.verify(transaction_id, other_code(code))) for _ in range(2)] == [WRONG] * 2
    assert sms_flow.verify(transaction_id, code).status_code == 200


def test_when_the_attempts_are_used_up_it_ends(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert [error(sms_flow.verify(transaction_id, other_code(code))) for _ in range(3)] == [WRONG] * 3
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND
    assert sms_flow.result(transaction_id) == ("not_authenticated", "invalid_answer")
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_AUTH_VALIDATION_LIMIT_EXCEEDED"


def test_an_attempt_of_a_request_that_died_before_its_judgement_is_used_too(sms_flow, transaction_id):
    Transaction.objects.update(attempts_used=3)
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id))) == NOT_FOUND
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 3


def test_without_a_limit_it_can_be_tried_until_it_expires(sms_flow, advance_clock):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, max_attempts=0)
    transaction_id = sms_flow.start(mobile_type)
    code = sms_flow.code(transaction_id)
    assert {error(sms_flow.verify(transaction_id, other_code(code))) for _ in range(30)} == {WRONG}
    advance_clock(240)
    assert error(sms_flow.verify(transaction_id, other_code(code))) == WRONG
    advance_clock(60)
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND
    assert sms_flow.result(transaction_id) == ("expired", None)


def test_the_limit_is_the_one_at_the_start(sms_flow, sms_type, transaction_id):
    sms_type.max_attempts = 1
    sms_type.save()
    assert error(sms_flow.verify(transaction_id, "wrong")) == WRONG
    assert error(sms_flow.verify(transaction_id, "wrong")) == WRONG


def test_an_expired_code_is_gone_before_any_sweep(sms_flow, transaction_id, advance_clock):
    code = sms_flow.code(transaction_id)
    advance_clock(300)
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND


def test_another_users_code_is_not_judged(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    assert error(sms_flow.verify(transaction_id, code, user_id="bert")) == NOT_FOUND
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 0


def test_another_clients_code_is_not_judged(sms_flow, transaction_id):
    code = sms_flow.code(transaction_id)
    sms_flow.portal = Portal(sms_flow.portal.client, factories.ApiClientFactory())
    assert error(sms_flow.verify(transaction_id, code)) == NOT_FOUND


def test_a_code_of_another_transaction_is_wrong(sms_flow, sms_type, transaction_id):
    other = sms_flow.start(sms_type)
    if sms_flow.code(other) != sms_flow.code(transaction_id):
        assert error(sms_flow.verify(transaction_id, sms_flow.code(other))) == WRONG


@pytest.mark.parametrize("transaction_id", ["x", "0", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_transaction_is_gone(sms_flow, sms_type, transaction_id):
    assert error(sms_flow.verify(transaction_id, "123456")) == NOT_FOUND


def test_a_push_or_an_otp_has_no_code(sms_flow, mobile_type, device):
    push = sms_flow.portal.start(mobile_type, device).json()["transaction_id"]
    assert error(sms_flow.verify(push, "123456")) == NOT_FOUND
    otp_type = factories.TypeFactory(method="otp")
    fields = {"type": otp_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    otp = sms_flow.portal.post("/oauth/api/v4/authenticate/user", fields).json()["transaction_id"]
    assert error(sms_flow.verify(otp, "123456")) == NOT_FOUND


@pytest.mark.parametrize("missing", ["transaction_id", "sms_code"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_parameter_is_told_by_name_and_costs_nothing(sms_flow, transaction_id, missing, empty):
    fields = {"transaction_id": transaction_id, "sms_code": sms_flow.code(transaction_id)}
    if empty:
        fields[missing] = ""
    else:
        del fields[missing]
    response = sms_flow.portal.post("/oauth/api/v4/authenticate/user/anna/sms", fields)
    assert error(response) == (400, "1003")
    assert missing in response.json()["description"]
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 0


def test_with_text_messages_off_nothing_starts_and_nothing_is_judged(
    sms_flow, sms_type, transaction_id, change_general
):
    change_general(sms_authentication_enabled=False)
    assert error(sms_flow.post(sms_type)) == (404, "3000")
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id))) == (404, "3000")
    assert Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_DISABLED").exists()


def test_with_text_messages_off_a_fallback_to_them_is_no_possibility(sms_flow, sms_type, change_general):
    push_type = factories.TypeFactory(fallback=sms_type)
    change_general(sms_authentication_enabled=False)
    assert error(sms_flow.post(push_type, callback_uri="http://127.0.0.1:9/")) == (404, "1001")


@pytest.mark.parametrize("version", ["v2", "v3", "v4"])
def test_every_version_does_the_same(sms_flow, sms_type, version):
    path = f"/oauth/api/{version}/authenticate/user"
    form = {"type": sms_type.name, "user_id": "anna", "phone_number": "+31612345678"}
    transaction_id = sms_flow.portal.post(path, form).json()["transaction_id"]
    assert sms_flow.portal.post(path + "/anna/sms/resend", {"transaction_id": transaction_id}).status_code == 204
    fields = {"transaction_id": transaction_id, "sms_code": sms_flow.code(transaction_id)}
    assert sms_flow.portal.post(path + "/anna/sms", fields).status_code == 200


def test_the_table_holds_only_a_hash_and_an_encrypted_copy(sms_flow, transaction_id):
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
