"""Every way to a token: only an approval with the number, the authenticator and the signature of its type leads to one.

Endpoints, statuses, grant types and answers are enumerated, so that a new one must be considered here.
"""

import json
from urllib.parse import urlencode

import pytest
from django.db import transaction as database
from django.urls import get_resolver
from django.utils import timezone

from apps.ciba import grants
from apps.ciba.errors import InvalidGrant
from apps.ciba.models import AuthenticationRequest, CibaClient, SigningKey
from apps.transactions.models import Status, Transaction
from clients.python.countersign_device import DeviceApiError
from tests.api.calls import FORM
from tests.ciba.calls import GRANT_TYPE, challenge_of, error_of
from tests.ciba.conftest import PIN

pytestmark = pytest.mark.django_db
STRONG = {"name": "strong", "method": "push_with_pin", "number_matching_digits": 6, "transaction_signing": True}
# Prefixes of all paths that are not pages of the console, the demo or the documentation.
API_PREFIXES = ("oauth/", "device/", "bc-authorize", ".well-known/", "integrations/")
OTHER_GRANTS = [
    "authorization_code",
    "client_credentials",
    "implicit",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
ERRORS = {
    Status.PENDING: "authorization_pending",
    Status.NOT_AUTHENTICATED: "access_denied",
    Status.EXPIRED: "expired_token",
    Status.CANCELLED: "access_denied",
}


@pytest.fixture
def strong(new_client):
    """Return a client whose type needs a number, the PIN and a signature."""
    return new_client(STRONG)


@pytest.fixture
def started(strong, device):
    """Return the response of a pending request. The transaction has data to sign."""
    response = strong.start().json()
    row = Transaction.objects.get()
    row.signing_data = "Pay 5 euro"
    row.save()
    return response


def api_paths(patterns=None, prefix=""):
    """Yield the paths of all APIs, with their parameters in angle brackets."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from api_paths(pattern.url_patterns, path)
        elif path.startswith(API_PREFIXES):
            yield path


def test_no_endpoint_replaces_the_approval(strong, started, device, client):
    transaction = Transaction.objects.get()
    named = {
        "transaction_id": str(transaction.pk),
        "user_id": "anna",
        "device_id": device.device_id,
        "profile_id": device.profile_id,
        "app_id": "shop",
        "name": "realm",
    }
    number = dict.fromkeys(("code", "sms_code", "number", "otp", "message"), started["verification_number"])
    fields = {**named, **number, "auth_req_id": started["auth_req_id"], "grant_type": GRANT_TYPE, "status": "SUCCEED"}
    callers = [
        (strong.authorization, urlencode(fields), FORM),
        (f"Bearer {device.device_token}", json.dumps({**fields, "authenticated": True}), "application/json"),
    ]
    paths = list(api_paths())
    assert len(paths) > 50
    client.raise_request_exception = False
    for path in paths:
        url = "/" + path
        for name, value in named.items():
            url = url.replace(f"<str:{name}>", value)
        assert "<" not in url
        for method in ("GET", "POST", "DELETE"):
            for authorization, body, content_type in callers:
                with database.atomic():
                    headers = {"Authorization": authorization}
                    response = client.generic(method, url, body, content_type=content_type, headers=headers)
                    transaction.refresh_from_db()
                    reached = (transaction.status, b"access_token" in response.content, response.status_code)
                    # What a request changes must not hide the effect of the next one.
                    database.set_rollback(True)
                is_description = path == "oauth/api/schema/"
                assert reached[0] != Status.AUTHENTICATED, (method, url)
                assert is_description or not reached[1], (method, url)
                assert reached[2] < 500, (method, url)
    assert error_of(strong.poll(started["auth_req_id"])) == (400, "authorization_pending")


@pytest.mark.parametrize("grant_type", OTHER_GRANTS)
def test_no_other_grant_leads_to_a_token(strong, started, grant_type):
    fields = {"grant_type": grant_type, "code": started["auth_req_id"], "username": "anna", "assertion": "a.b.c"}
    assert error_of(strong.poll(started["auth_req_id"], **fields)) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("status", [status for status in Status if status != Status.AUTHENTICATED])
def test_no_status_but_authenticated_leads_to_a_token(strong, started, status):
    Transaction.objects.update(status=status, ended_at=None if status == Status.PENDING else timezone.now())
    assert error_of(strong.poll(started["auth_req_id"])) == (400, ERRORS[status])
    # Not even if a caller of `issue_once` had not checked the status.
    request = AuthenticationRequest.objects.select_related("transaction", "client").get()
    with pytest.raises(InvalidGrant):
        grants.issue_once(request, CibaClient.objects.get())
    with pytest.raises(InvalidGrant):
        grants.issue_for_push(request, started["auth_req_id"])
    # The row decides, not what was read before.
    request.transaction.status = Status.AUTHENTICATED
    with pytest.raises(InvalidGrant):
        grants.issue_once(request, CibaClient.objects.get())
    assert not AuthenticationRequest.objects.get().used_at


def approval(device, challenge, number, *leave_out):
    """Return a sealed approval with everything that the type needs, except the members that are left out."""
    members = {
        "number": number,
        "credential": {"type": "pin", "token": device.pin_token.unlock(PIN)},
        "signature": device.sign("Pay 5 euro"),
    }
    content = {"transaction_id": challenge["transaction_id"], "token": challenge["token"], "authenticated": True}
    return device.seal(content | {name: value for name, value in members.items() if name not in leave_out})


@pytest.mark.parametrize("missing", ["number", "credential", "signature"])
def test_approval_without_a_part_of_its_type_leads_to_no_token(strong, started, device, missing):
    challenge = challenge_of(device)
    message = approval(device, challenge, started["verification_number"], missing)
    try:
        status = device.send_answer(challenge["transaction_id"], message)
    except DeviceApiError:
        status = "rejected"
    assert status in ("rejected", "not_authenticated")
    error = "authorization_pending" if status == "rejected" else "access_denied"
    assert error_of(strong.poll(started["auth_req_id"])) == (400, error)


@pytest.mark.parametrize("wrong", ["number", "credential", "signature"])
def test_approval_with_a_wrong_part_of_its_type_leads_to_no_token(strong, started, device, wrong):
    challenge, number = challenge_of(device), started["verification_number"]
    if wrong == "number":
        number = str((int(number) + 1) % 10**6).zfill(6)
    elif wrong == "credential":
        device.pin_token = device.pin_token.lock("A" * 43, PIN)
    else:
        device.sign = lambda _data, sign=device.sign: sign("Pay 500 euro")
    try:
        status = device.send_answer(challenge["transaction_id"], approval(device, challenge, number))
    except DeviceApiError:
        status = "rejected"
    assert status == ("rejected" if wrong == "credential" else "not_authenticated")
    error = "authorization_pending" if wrong == "credential" else "access_denied"
    assert error_of(strong.poll(started["auth_req_id"])) == (400, error)


def test_complete_approval_leads_to_tokens_once(strong, started, device):
    challenge = challenge_of(device)
    message = approval(device, challenge, started["verification_number"])
    assert device.send_answer(challenge["transaction_id"], message) == "authenticated"
    assert strong.poll(started["auth_req_id"]).status_code == 200
    assert error_of(strong.poll(started["auth_req_id"])) == (400, "invalid_grant")


def test_other_identities_of_the_request_lead_to_no_token(strong, started, device):
    """The id of the transaction, its hash and the id of the row are no `auth_req_id`."""
    message = approval(device, challenge_of(device), started["verification_number"])
    device.send_answer(str(Transaction.objects.get().pk), message)
    request = AuthenticationRequest.objects.get()
    for value in (request.transaction_id, request.pk, request.auth_req_id_hash, "", started["auth_req_id"].upper()):
        assert strong.poll(str(value)).status_code == 400
    assert not SigningKey.objects.exists()
