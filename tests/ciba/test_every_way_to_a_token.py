"""Every way to a token: only an approval with the number, the authenticator and the signature of its type leads to one.

Endpoints, statuses, grant types and answers are enumerated, so that a new one must be considered here.
"""

import json
from contextlib import suppress
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
# Parts of the approval, and the error without the part or with a wrong one. A wrong credential can be corrected.
PARTS = {"number": "access_denied", "credential": "authorization_pending", "signature": "access_denied"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
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
    return new_client(STRONG, authorization_details_types=["payment"])


@pytest.fixture
def started(strong, pin_device):
    """Return the response of a pending request with data to sign."""
    return start(strong)


def start(strong):
    return strong.start(authorization_details='[{"type": "payment", "amount": "5 euro"}]').json()


def operations(patterns=None, prefix=""):
    """Yield the paths of all APIs, with their parameters in angle brackets, and their methods."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from operations(pattern.url_patterns, path)
        elif path.startswith(API_PREFIXES):
            view = pattern.callback.view_class
            yield from ((path, method) for method in METHODS if hasattr(view, method.lower()))


def test_no_endpoint_replaces_the_approval(strong, started, pin_device, client):
    transaction = Transaction.objects.get()
    named = {
        "transaction_id": str(transaction.pk),
        "user_id": "anna",
        "device_id": pin_device.device_id,
        "profile_id": pin_device.profile_id,
        "app_id": "shop",
        "integration_name": "realm",
    }
    number = dict.fromkeys(("code", "sms_code", "number", "otp", "message"), started["verification_number"])
    fields = {**named, **number, "auth_req_id": started["auth_req_id"], "grant_type": GRANT_TYPE, "status": "SUCCEED"}
    callers = [
        (strong.authorization, urlencode(fields), FORM),
        (f"Bearer {pin_device.device_token}", json.dumps({**fields, "authenticated": True}), "application/json"),
    ]
    found = list(operations())
    assert len(found) > 55
    client.raise_request_exception = False
    for path, method in found:
        url = "/" + path
        for name, value in named.items():
            url = url.replace(f"<str:{name}>", value)
        assert "<" not in url
        for authorization, body, content_type in callers:
            with database.atomic():
                headers = {"Authorization": authorization}
                response = client.generic(method, url, body, content_type=content_type, headers=headers)
                transaction.refresh_from_db()
                status, has_token = transaction.status, b"access_token" in response.content
                # What a request changes must not hide the effect of the next one.
                database.set_rollback(True)
            assert status != Status.AUTHENTICATED, (method, url)
            assert path == "oauth/api/schema/" or not has_token, (method, url)
            assert response.status_code < 500, (method, url)
    assert error_of(strong.poll(started["auth_req_id"])) == (400, "authorization_pending")


def test_no_other_grant_leads_to_a_token(strong, started):
    for grant_type in OTHER_GRANTS:
        fields = {"grant_type": grant_type, "code": started["auth_req_id"], "username": "anna", "assertion": "a.b.c"}
        assert error_of(strong.poll(started["auth_req_id"], **fields)) == (400, "unsupported_grant_type")


def test_no_status_but_authenticated_leads_to_a_token(strong, started):
    assert set(ERRORS) == set(Status) - {Status.AUTHENTICATED}
    for status in ERRORS:
        assert_no_token(strong, started, status)


def assert_no_token(strong, started, status):
    """Check that a request with this status gets no token, also if the caller of the function that signs errs."""
    Transaction.objects.update(status=status, ended_at=None if status == Status.PENDING else timezone.now())
    assert error_of(strong.poll(started["auth_req_id"])) == (400, ERRORS[status])
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


def approve(device, right_number, **changes):
    """Send an approval with everything that the type needs. Members that are changed to None are left out."""
    challenge = challenge_of(device)
    members = {
        "transaction_id": challenge["transaction_id"],
        "token": challenge["token"],
        "authenticated": True,
        "number": right_number,
        "credential": {"type": "pin", "token": device.pin_token.unlock(PIN)},
        "signature": device.sign(challenge["signing_data"]),
        **changes,
    }
    message = device.seal({name: value for name, value in members.items() if value is not None})
    with suppress(DeviceApiError):
        return device.send_answer(challenge["transaction_id"], message)


def test_approval_without_a_part_of_its_type_leads_to_no_token(strong, pin_device):
    for missing, error in PARTS.items():
        request = start(strong)
        approve(pin_device, request["verification_number"], **{missing: None})
        assert error_of(strong.poll(request["auth_req_id"])) == (400, error), missing


def test_approval_with_a_wrong_part_of_its_type_leads_to_no_token(strong, pin_device):
    for wrong, error in PARTS.items():
        request = start(strong)
        number = request["verification_number"]
        changes = {
            "number": str((int(number) + 1) % 10**6).zfill(6),
            "credential": {"type": "pin", "token": "A" * 43},
            "signature": pin_device.sign("Pay 500 euro"),
        }
        approve(pin_device, number, **{wrong: changes[wrong]})
        assert error_of(strong.poll(request["auth_req_id"])) == (400, error), wrong


def test_complete_approval_leads_to_tokens_once(strong, started, pin_device):
    assert approve(pin_device, started["verification_number"]) == "authenticated"
    assert strong.poll(started["auth_req_id"]).status_code == 200
    assert error_of(strong.poll(started["auth_req_id"])) == (400, "invalid_grant")


def test_other_identities_of_the_request_lead_to_no_token(strong, started, pin_device):
    """The id of the transaction, its hash and the id of the row are no `auth_req_id`."""
    approve(pin_device, started["verification_number"])
    request = AuthenticationRequest.objects.get()
    for value in (request.transaction_id, request.pk, request.auth_req_id_hash, "", started["auth_req_id"].upper()):
        assert strong.poll(str(value)).status_code == 400
    assert not SigningKey.objects.exists()
