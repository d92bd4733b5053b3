"""E5: six digits, judged by their hash, usable once, with a number of attempts."""

import re

import pytest
from django.db import connection

from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.conftest import Portal

pytestmark = pytest.mark.django_db


def error(answer):
    return answer.status_code, answer.json()["error_code"]


WRONG, GONE = (404, "3003"), (404, "3004")


@pytest.fixture
def started(texts, sms_type):
    return texts.start(sms_type)


def other_code(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_code_is_six_digits(texts, sms_type, switch):
    switch(sms_per_number_per_hour=0)
    codes = {texts.code(texts.start(sms_type)) for _ in range(60)}
    assert all(re.fullmatch("[0-9]{6}", code) for code in codes)
    assert len(codes) > 55


def test_leading_zeros_count(texts, sms_type, switch):
    switch(sms_per_number_per_hour=0)
    started = next(one for one in (texts.start(sms_type) for _ in range(400)) if texts.code(one).startswith("0"))
    code = texts.code(started)
    assert error(texts.verify(started, code[1:])) == WRONG
    assert texts.verify(started, code).status_code == 200


def test_the_right_code_authenticates(texts, started):
    answer = texts.verify(started, texts.code(started))
    assert (answer.status_code, answer.json()) == (200, {"transaction_id": started})
    result = texts.portal.result(started).json()
    assert result["status"] == "authenticated"
    assert result["is_authenticated"] is True
    assert result["authentication_method"] == "sms"
    assert "callback_uri" not in result
    assert texts.kinds(started)[-1] == "SMS_AUTH_AUTHENTICATED"


def test_the_answer_of_e3_names_the_method_and_the_life(texts, sms_type):
    body = texts.post(sms_type).json()
    assert set(body) == {"transaction_id", "auth_method", "time_to_live"}
    assert (body["auth_method"], body["time_to_live"]) == ("sms", 300_000)


@pytest.mark.django_db(transaction=True)
def test_a_code_works_after_the_gateway_has_answered(texts, sms_type, memory):
    started = texts.send(sms_type)
    assert texts.verify(started, memory[-1][0].code).status_code == 200


def test_a_code_works_once(texts, started):
    code = texts.code(started)
    assert texts.verify(started, code).status_code == 200
    assert error(texts.verify(started, code)) == GONE


@pytest.mark.parametrize(
    "given",
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
def test_what_is_not_the_six_digits_is_as_wrong_as_any_other(texts, started, given):
    code = texts.code(started)
    wide, arabic = ("".join(chr(base + int(digit)) for digit in code) for base in (0xFF10, 0x0660))
    answer = texts.verify(started, given.replace("{code}", code).replace("{wide}", wide).replace("{arabic}", arabic))
    assert error(answer) == WRONG
    assert Transaction.objects.get(pk=started).attempts_used == 1
    assert texts.verify(started, code).status_code == 200


def test_a_wrong_code_has_its_text_and_its_event(texts, started):
    answer = texts.verify(started, other_code(texts.code(started)))
    assert answer.json() == {
        "error_code": "3003",
        "description": "Failed to authenticate, verification code invalid",
        "error": "invalid_verification_code",
        "error_description": "Failed to authenticate, verification code invalid",
    }
    assert texts.kinds(started)[-1] == "SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE"


def test_the_last_attempt_may_be_the_right_one(texts, started):
    code = texts.code(started)
    assert [error(texts.verify(started, other_code(code))) for _ in range(2)] == [WRONG] * 2
    assert texts.verify(started, code).status_code == 200


def test_when_the_attempts_are_used_up_it_ends(texts, started):
    code = texts.code(started)
    assert [error(texts.verify(started, other_code(code))) for _ in range(3)] == [WRONG] * 3
    assert error(texts.verify(started, code)) == GONE
    assert texts.result(started) == ("not_authenticated", "invalid_answer")
    assert texts.kinds(started)[-1] == "SMS_AUTH_VALIDATION_LIMIT_EXCEEDED"


def test_an_attempt_of_a_request_that_died_before_its_judgement_is_used_too(texts, started):
    Transaction.objects.update(attempts_used=3)
    assert error(texts.verify(started, texts.code(started))) == GONE
    assert Transaction.objects.get(pk=started).attempts_used == 3


def test_without_a_limit_it_can_be_tried_until_it_expires(texts, later):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, max_attempts=0)
    started = texts.start(mobile_type)
    code = texts.code(started)
    assert {error(texts.verify(started, other_code(code))) for _ in range(30)} == {WRONG}
    later(240)
    assert error(texts.verify(started, other_code(code))) == WRONG
    later(60)
    assert error(texts.verify(started, code)) == GONE
    assert texts.result(started) == ("expired", None)


def test_the_limit_is_the_one_at_the_start(texts, sms_type, started):
    sms_type.max_attempts = 1
    sms_type.save()
    assert error(texts.verify(started, "wrong")) == WRONG
    assert error(texts.verify(started, "wrong")) == WRONG


def test_an_expired_code_is_gone_before_any_sweep(texts, started, later):
    code = texts.code(started)
    later(300)
    assert error(texts.verify(started, code)) == GONE


def test_another_users_code_is_not_judged(texts, started):
    code = texts.code(started)
    assert error(texts.verify(started, code, user_id="bert")) == GONE
    assert Transaction.objects.get(pk=started).attempts_used == 0


def test_another_clients_code_is_not_judged(texts, started):
    code = texts.code(started)
    texts.portal = Portal(texts.portal.client, factories.ApiClientFactory())
    assert error(texts.verify(started, code)) == GONE


def test_a_code_of_another_transaction_is_wrong(texts, sms_type, started):
    other = texts.start(sms_type)
    if texts.code(other) != texts.code(started):
        assert error(texts.verify(started, texts.code(other))) == WRONG


@pytest.mark.parametrize("transaction_id", ["x", "0", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_transaction_is_gone(texts, sms_type, transaction_id):
    assert error(texts.verify(transaction_id, "123456")) == GONE


def test_a_push_or_an_otp_has_no_code(texts, mobile_type, device):
    push = texts.portal.start(mobile_type, device).json()["transaction_id"]
    assert error(texts.verify(push, "123456")) == GONE
    otp_type = factories.TypeFactory(method="otp")
    fields = {"type": otp_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    otp = texts.portal.post("/oauth/api/v4/authenticate/user", fields).json()["transaction_id"]
    assert error(texts.verify(otp, "123456")) == GONE


@pytest.mark.parametrize("missing", ["transaction_id", "sms_code"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_parameter_is_told_by_name_and_costs_nothing(texts, started, missing, empty):
    fields = {"transaction_id": started, "sms_code": texts.code(started)}
    if empty:
        fields[missing] = ""
    else:
        del fields[missing]
    answer = texts.portal.post("/oauth/api/v4/authenticate/user/anna/sms", fields)
    assert error(answer) == (400, "1003")
    assert missing in answer.json()["description"]
    assert Transaction.objects.get(pk=started).attempts_used == 0


def test_with_text_messages_off_nothing_starts_and_nothing_is_judged(texts, sms_type, started, general):
    general(sms_authentication_enabled=False)
    assert error(texts.post(sms_type)) == (404, "3000")
    assert error(texts.verify(started, texts.code(started))) == (404, "3000")
    assert Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_DISABLED").exists()


def test_with_text_messages_off_a_fallback_to_them_is_no_possibility(texts, sms_type, general):
    push_type = factories.TypeFactory(fallback=sms_type)
    general(sms_authentication_enabled=False)
    assert error(texts.post(push_type, callback_uri="http://127.0.0.1:9/")) == (404, "1001")


@pytest.mark.parametrize("version", ["v2", "v3", "v4"])
def test_every_version_does_the_same(texts, sms_type, version):
    path = f"/oauth/api/{version}/authenticate/user"
    form = {"type": sms_type.name, "user_id": "anna", "phone_number": "+31612345678"}
    started = texts.portal.post(path, form).json()["transaction_id"]
    assert texts.portal.post(path + "/anna/sms/resend", {"transaction_id": started}).status_code == 204
    fields = {"transaction_id": started, "sms_code": texts.code(started)}
    assert texts.portal.post(path + "/anna/sms", fields).status_code == 200


def test_the_table_holds_only_a_hash_and_an_encrypted_copy(texts, started):
    code = texts.code(started)
    with connection.cursor() as cursor:
        cursor.execute("SELECT code, code_hash, message, phone_number FROM transactions_transaction")
        [columns] = cursor.fetchall()
    copy, code_hash, message, _number = columns
    assert copy.startswith("v2.")
    assert re.fullmatch(r"[0-9a-f]{8}:[0-9a-f]{64}", code_hash)
    assert message == "Your code: {code}"
    assert not [column for column in columns if re.search(rf"\b{code}\b", column)]
    told = [str(event.details) for event in texts.events(started)]
    assert code not in " ".join(told)
