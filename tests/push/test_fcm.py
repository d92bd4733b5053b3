"""What Google gets, to the byte, by both of its APIs, and how access tokens are come by."""

import json

import pytest

from apps.demo.fcm import TOKEN_PATH
from tests import factories
from tests.fakes import fcm
from tests.push import kinds

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN_SECONDS = 3600


@pytest.fixture(params=[kinds.FCM_V1], ids=str)
def kind(request):
    return request.param


with_both = pytest.mark.parametrize("kind", [kinds.FCM_V1, kinds.FCM_LEGACY], ids=str)
legacy = pytest.mark.parametrize("kind", [kinds.FCM_LEGACY], ids=str)


@pytest.fixture
def exchanges(google, version):
    """Return how many access tokens were asked for since the test began."""
    before = len(google.wait(TOKEN_PATH, 0, None, 0))
    return lambda: len(google.wait(TOKEN_PATH, 0, None, 0)) - before


def data_of(transaction_id, phone, text):
    content = {"og_transaction_id": transaction_id, "og_profile_id": phone.profile_id, "og_message": text}
    return {"content": json.dumps(content, ensure_ascii=False)}


def test_a_data_message_is_exactly_this(sent, heard, phone, token, version, google, still):
    transaction_id = sent(message="Log in at the café?")
    [record] = heard()
    assert json.loads(record["body"]) == {
        "message": {
            "token": token,
            "data": data_of(transaction_id, phone, "Log in at the café?"),
            "android": {"priority": "HIGH", "ttl": "300s", "collapse_key": transaction_id},
        }
    }
    assert record["path"] == "/v1/projects/countersign-demo/messages:send"
    scheme, _space, access_token = record["headers"]["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert access_token in google.fcm.access_tokens
    assert record["headers"]["content-type"] == "application/json"


@legacy
def test_a_legacy_message_is_exactly_this(sent, heard, phone, token, still):
    transaction_id = sent(message="Log in at the café?")
    [record] = heard()
    assert json.loads(record["body"]) == {
        "to": token,
        "priority": "high",
        "time_to_live": 300,
        "collapse_key": transaction_id,
        "data": data_of(transaction_id, phone, "Log in at the café?"),
    }
    assert record["path"] == fcm.LEGACY_PATH
    assert record["headers"]["authorization"] == f"key={fcm.SERVER_KEY}"
    assert record["headers"]["content-type"] == "application/json"


def life_of(record):
    body = json.loads(record["body"])
    return body["message"]["android"]["ttl"] if "message" in body else body["time_to_live"]


@with_both
def test_a_message_lives_as_long_as_its_transaction_still_does(sent, pushes, heard, kind, still):
    sent(kind.later[0])
    still.shift(100)
    pushes.work()
    assert [life_of(record) for record in heard()] in (["300s", "200s"], [300, 200])


@with_both
def test_a_notification_is_there_for_cordova_only(sent, heard, version):
    sent(message="First?")
    version.cordova = True
    version.save()
    sent(message="Second?")
    without, with_it = [json.loads(record["body"]) for record in heard()]
    assert "notification" not in without.get("message", without)
    assert with_it.get("message", with_it)["notification"] == {"body": "Second?"}


@with_both
def test_the_endpoint_is_the_whole_address(sent, heard, version, google, kind):
    path = "/fcm/send" if kind == kinds.FCM_LEGACY else "/gateway/7/push?tenant=shop"
    version.push_messaging_configuration.endpoint = google.url + path
    version.push_messaging_configuration.save()
    sent()
    assert [(record["path"], record["status"]) for record in heard()] == [(path, 200)]


def test_without_an_endpoint_it_is_googles_own(configure):
    account = configure(kinds.FCM_V1, endpoint="")
    assert account.message_url == "https://fcm.googleapis.com/v1/projects/countersign-demo/messages:send"
    assert configure(kinds.FCM_LEGACY, endpoint="").message_url == "https://fcm.googleapis.com/fcm/send"


def test_one_access_token_serves_many_pushes(pushes, mobile_type, phone, heard, exchanges):
    for _number in range(20):
        pushes.start(mobile_type, phone)
    pushes.work()
    pushes.send(mobile_type, phone)
    assert [record["status"] for record in heard()] == [200] * 21
    assert exchanges() == 1
    assert len({record["headers"]["authorization"] for record in heard()}) == 1


def test_an_access_token_is_renewed_some_minutes_before_its_end(sent, heard, exchanges, later):
    sent()
    later(TOKEN_SECONDS - 300)
    sent()
    assert exchanges() == 1
    later(200)
    sent()
    assert exchanges() == 2
    assert [record["status"] for record in heard()] == [200] * 3


def test_a_service_account_with_another_key_is_refused_and_marked(
    configure, make_version, enroll, pushes, mobile_type, google
):
    account = {**google.fcm.account, "private_key": factories.service_account()["private_key"]}
    version = make_version(kinds.FCM_V1, configure(kinds.FCM_V1, service_account=json.dumps(account)))
    token = kinds.push_token()
    transaction_id = pushes.send(mobile_type, enroll(push_token=token, version=version))
    [(outcome, reason)] = pushes.attempts(transaction_id)
    assert outcome == "misconfigured"
    assert "invalid_grant" in reason
    assert google.wait(token, 0, None, 0) == []
    version.push_messaging_configuration.refresh_from_db()
    assert version.push_messaging_configuration.fault == reason


@pytest.mark.parametrize("answer", [{"status": 503, "body": "{}"}, fcm.HTML, {"reset": True, "again": True}], ids=str)
def test_a_token_endpoint_with_a_fault_is_asked_again(sent, pushes, heard, google, later, answer):
    google.script[TOKEN_PATH] = [answer]
    transaction_id = sent()
    google.script[TOKEN_PATH] = []
    [(outcome, reason)] = pushes.attempts(transaction_id)
    assert (outcome, reason.partition(":")[0]) == ("retry", "no access token")
    assert heard() == []
    later(2)
    pushes.work()
    assert pushes.attempts(transaction_id)[1:] == [("accepted", "")]
