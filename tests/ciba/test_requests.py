"""Authentication requests: parameters and their errors, types, devices and limits."""

import pytest
from django.utils import timezone

from apps.ciba.models import AuthenticationRequest, CibaClient
from apps.enrollment.models import Device
from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import FORM
from tests.ciba.calls import challenge_of, error_of
from tests.ciba.conftest import PIN

pytestmark = pytest.mark.django_db
REJECTED = [
    ({"scope": None}, "invalid_request"),
    ({"scope": "profile"}, "invalid_scope"),
    ({"scope": "openid  profile"}, "invalid_scope"),
    ({"scope": ["openid", "openid"]}, "invalid_request"),
    ({"login_hint": None}, "invalid_request"),
    ({"id_token_hint": "a.b.c"}, "invalid_request"),
    ({"login_hint": None, "id_token_hint": "a.b.c"}, "invalid_request"),
    ({"login_hint": None, "login_hint_token": "a.b.c"}, "unknown_user_id"),
    ({"login_hint": "unknown"}, "unknown_user_id"),
    ({"login_hint": "a" * 256}, "unknown_user_id"),
    ({"login_hint": "anna\0"}, "unknown_user_id"),
    ({"user_code": "1234"}, "invalid_user_code"),
    ({"binding_message": "a" * 156}, "invalid_binding_message"),
    ({"binding_message": "Pay\nBob"}, "invalid_binding_message"),
    ({"binding_message": "Pay \u202e05"}, "invalid_binding_message"),
    ({"requested_expiry": "0"}, "invalid_request"),
    ({"requested_expiry": "-1"}, "invalid_request"),
    ({"requested_expiry": "\u0661"}, "invalid_request"),
    ({"requested_expiry": "1" * 400}, "invalid_request"),
    ({"acr_values": "unknown not-allowed"}, "invalid_request"),
    ({"request": "a.b.c"}, "invalid_request"),
    ({"request_uri": "https://client.example/request"}, "invalid_request"),
]


def test_invalid_requests_are_rejected_and_start_nothing(ciba, device):
    factories.TypeFactory(name="not-allowed")
    responses = [(fields, error_of(ciba.start(**fields))) for fields, _error in REJECTED]
    assert responses == [(fields, (400, error)) for fields, error in REJECTED]
    assert not Transaction.objects.exists()
    # The rejections of one client and reason share an event.
    events = Event.objects.filter(event_type="CIBA_REQUEST_REJECTED", client_id=ciba.api_client.client_id)
    assert {event.details["reason"] for event in events} == {error for _fields, error in REJECTED}


@pytest.mark.parametrize("as_json", [False, True])
def test_credentials_and_parameters_are_read_from_forms_and_json(ciba, device, as_json):
    fields = {"scope": "openid profile", "login_hint": "anna", "requested_expiry": 60, "audience": "", "extra": "x"}
    response = ciba.post_form("/bc-authorize", fields, as_json=as_json)
    assert response.json()["expires_in"] == 60
    device.answer(challenge_of(device), approve=True)
    grant = {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": response.json()["auth_req_id"]}
    assert ciba.post_form("/oauth/token", grant, as_json=as_json).json()["scope"] == "openid"


@pytest.mark.parametrize("path", ["/oauth/bc-authorize", "/oauth/token"])
def test_malformed_json_is_rejected(ciba, path):
    headers = {"Authorization": ciba.authorization}
    for body in ("{", "[]", '{"scope": "openid", "scope": "openid"}', '{"scope": 1'):
        response = ciba.client.generic("POST", path, body, content_type="application/json", headers=headers)
        assert error_of(response) == (400, "invalid_request")


def test_other_bodies_are_invalid_requests(ciba):
    headers = {"Authorization": ciba.authorization}
    for body, content_type in (("a=b", "text/plain"), ("a=" + "b" * 300_000, FORM), ("\u20ac=1&\u20ac=2", FORM)):
        response = ciba.client.generic("POST", "/oauth/token", body, content_type=content_type, headers=headers)
        assert error_of(response) == (400, "invalid_request")


def test_token_request_without_a_grant_or_an_id_is_rejected(ciba):
    assert error_of(ciba.poll(None)) == (400, "invalid_request")
    assert error_of(ciba.poll("a", grant_type=None)) == (400, "invalid_request")
    assert error_of(ciba.poll("a", grant_type="password")) == (400, "unsupported_grant_type")
    assert error_of(ciba.poll(["a", "b"])) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/oauth/bc-authorize", "/bc-authorize", "/oauth/token"])
def test_clients_without_access_are_rejected(ciba, path, new_client):
    ciba.secret = "wrong"
    response = ciba.post(path, {"scope": "openid"})
    assert error_of(response) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    without_api, without_settings, elsewhere = (new_client({"name": name}) for name in "abc")
    CibaClient.objects.filter(client=without_settings.api_client).delete()
    for api, changes in ((without_api, {"apis": ["events"]}), (elsewhere, {"ip_allow_list": ["192.0.2.1"]})):
        type(api.api_client).objects.filter(pk=api.api_client.pk).update(**changes)
    assert error_of(without_api.post(path, {})) == (400, "unauthorized_client")
    assert error_of(without_settings.post(path, {})) == (400, "unauthorized_client")
    assert error_of(elsewhere.post(path, {})) == (403, "access_denied")


def test_first_type_of_acr_values_that_the_user_can_do_is_used(new_client, enroll):
    pin, push = {"name": "pin", "method": "push_with_pin"}, {"name": "push"}
    ciba, device = new_client(push, pin, {"name": "other"}), enroll()
    started = ciba.start(acr_values="unknown pin push other")
    assert started.status_code == 200
    assert Transaction.objects.get().type_name == "push"
    device.register_pin(PIN)
    ciba.start(acr_values="unknown pin push")
    assert Transaction.objects.latest("created_at").type_name == "pin"
    ciba.start()
    assert Transaction.objects.latest("created_at").type_name == "push"


UNUSABLE = [
    {"name": "unusable", "method": "sms"},
    {"name": "unusable", "method": "otp", "default_messages": {}},
    {"name": "unusable", "method": "push", "code_to_phone": True},
]


@pytest.mark.parametrize("fields", UNUSABLE, ids=["sms", "otp", "code_to_phone"])
def test_types_with_a_code_to_enter_are_unusable(new_client, device, fields):
    """CIBA has no field for a code, neither that of an SMS nor that of a phone."""
    ciba = new_client(fields)
    assert error_of(ciba.start()) == (400, "invalid_request")
    assert error_of(ciba.start(acr_values="unusable")) == (400, "invalid_request")
    CibaClient.objects.get().types.add(factories.TypeFactory(name="usable"))
    assert ciba.start(acr_values="unusable usable").status_code == 200
    assert Transaction.objects.get().type_name == "usable"


def test_type_for_other_platforms_is_unusable(new_client, device):
    ciba = new_client({"name": "login", "allowed_platforms": ["ios"]})
    assert error_of(ciba.start()) == (400, "unknown_user_id")


@pytest.mark.parametrize("is_allowed", [False, True])
def test_fallback_is_used_only_if_the_client_may_use_it(new_client, enroll, is_allowed):
    enroll()
    fallback = factories.TypeFactory(name="weaker", method="push")
    pin = {"name": "pin", "method": "push_with_pin", "fallback": fallback}
    ciba = new_client(pin)
    if is_allowed:
        CibaClient.objects.get().types.add(fallback)
        assert ciba.start().status_code == 200
        assert Transaction.objects.get().type_name == "weaker"
    else:
        assert error_of(ciba.start()) == (400, "unknown_user_id")


def test_default_type_is_used_or_acr_values_are_required(ciba, pin_device):
    CibaClient.objects.update(default_type=None)
    assert error_of(ciba.start()) == (400, "invalid_request")
    CibaClient.objects.get().types.remove(CibaClient.objects.get().types.get(name="login"))
    assert ciba.start().status_code == 200
    assert Transaction.objects.get().type_name == "login-pin"


def test_most_recently_used_device_is_asked(ciba, enroll, switch):
    switch(push_enrollment_mode="multiple_devices")
    devices = [enroll(push_token=f"token {number}") for number in range(2)]
    for device in (*devices, devices[0]):
        Device.objects.filter(device_id=device.device_id).update(last_login_at=timezone.now())
        ciba.start()
        assert device.answer(challenge_of(device), approve=True) == "authenticated"


def test_message_of_a_push_is_public_and_the_binding_message_confidential(new_client, device):
    ciba = new_client({"name": "login", "default_messages": {}})
    ciba.start(binding_message="Secret")
    transaction = Transaction.objects.get()
    assert (transaction.message, str(transaction.secure_message)) == ("Approve a request?", "Secret")


def test_requested_expiry_is_at_most_the_time_to_live(ciba, device):
    assert ciba.start(requested_expiry="100000").json()["expires_in"] == 300
    assert ciba.start(requested_expiry="10").json()["expires_in"] == 10
    request = AuthenticationRequest.objects.latest("created_at")
    assert request.transaction.time_to_live_seconds == 10


def test_number_is_returned_and_required(new_client, device):
    ciba = new_client({"name": "login", "number_matching_digits": 6})
    started = ciba.start().json()
    assert len(started["verification_number"]) == 6
    challenge = challenge_of(device)
    assert device.answer(challenge, approve=True, number=started["verification_number"]) == "authenticated"
    assert ciba.poll(started["auth_req_id"]).status_code == 200


def test_limits_of_pushes_are_slow_down(ciba, device, switch):
    switch(max_pending_transactions=1)
    assert ciba.start().status_code == 200
    response = ciba.start()
    assert error_of(response) == (429, "slow_down")
    assert 0 < int(response.headers["Retry-After"]) <= 300
    assert Transaction.objects.count() == AuthenticationRequest.objects.count() == 1


def test_type_that_requires_signing_data_needs_authorization_details(new_client, device):
    ciba = new_client({"name": "sign", "transaction_signing": True, "signing_data_required": True})
    assert error_of(ciba.start()) == (400, "invalid_request")


def test_feature_off_is_access_denied(ciba, device, feature_off):
    assert error_of(ciba.start()) == (403, "access_denied")
