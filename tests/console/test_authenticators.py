"""PIN, fingerprint, custom authenticators and transaction signing in the console."""

import pytest

from apps.applications.models import Application
from apps.enrollment.models import Authenticator, Profile
from apps.system.models import Features
from apps.transactions.types import MobileAuthenticationType
from tests import factories

pytestmark = pytest.mark.django_db

NO_VERSIONS = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}


def application(console, row, **fields):
    form = {"name": row.name, "identifier": row.identifier, **NO_VERSIONS, **fields}
    return console.post(f"/admin/applications/application/{row.pk}/change/", form)


@pytest.fixture
def shop():
    return factories.ApplicationFactory()


def test_application_authenticators_are_saved(console, shop):
    fields = {"pin_enabled": "on", "max_pin_attempts": "5", "custom_authenticators": "face\n voice \n"}
    assert application(console, shop, **fields).status_code == 302
    shop.refresh_from_db()
    assert (shop.pin_enabled, shop.max_pin_attempts, shop.fingerprint_enabled) == (True, 5, False)
    assert shop.custom_authenticators == ["face", "voice"]


def test_hidden_pin_limit_is_unchanged(console, shop):
    Application.objects.filter(pk=shop.pk).update(max_pin_attempts=7)
    assert application(console, shop).status_code == 302
    shop.refresh_from_db()
    assert shop.max_pin_attempts == 7


def test_identifier_with_space_is_rejected(console, shop):
    response = application(console, shop, custom_authenticators="my face")
    assert response.status_code == 200
    shop.refresh_from_db()
    assert shop.custom_authenticators == []


def test_only_push_types_can_require_signing(console):
    fields = {"name": "pay", "method": "push", "time_to_live": "300", "transaction_signing": "on"}
    assert console.post("/admin/transactions/mobileauthenticationtype/add/", fields).status_code == 302
    assert MobileAuthenticationType.objects.get(name="pay").transaction_signing
    fields = {**fields, "name": "text", "method": "sms"}
    assert console.post("/admin/transactions/mobileauthenticationtype/add/", fields).status_code == 302
    assert not MobileAuthenticationType.objects.get(name="text").transaction_signing


@pytest.mark.parametrize(
    ("sent", "is_required"),
    [
        ({"method": "push", "transaction_signing": "on"}, True),
        ({"method": "otp", "transaction_signing": "on"}, True),
        ({"method": "push"}, False),
        ({"method": "sms", "transaction_signing": "on"}, False),
    ],
)
def test_signing_data_is_required_only_with_signing(console, changes, sent, is_required):
    fields = {"name": "pay", "time_to_live": "300", "signing_data_required": "on", **sent}
    assert console.post("/admin/transactions/mobileauthenticationtype/add/", fields).status_code == 302
    pay = MobileAuthenticationType.objects.get(name="pay")
    assert pay.signing_data_required is is_required
    if is_required:
        path = f"/admin/transactions/mobileauthenticationtype/{pay.pk}/change/"
        assert console.save(path, transaction_signing=None).status_code == 302
        switched = {"transaction_signing": [True, False], "signing_data_required": [True, False]}
        assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"] == switched
        page = console.get(path).content.decode()
        assert "&amp;transaction_signing=on" in page


def test_type_page_describes_method_requirements(console):
    page = console.get("/admin/transactions/mobileauthenticationtype/add/").content.decode()
    assert 'data-shown-when="method=push_with_pin"' in page


def test_features_switch_signing_and_custom_authenticators(console):
    assert console.post("/admin/system/features/", {"mobile_authentication": "on"}).status_code == 302
    row = Features.objects.get()
    assert (row.transaction_signing, row.custom_authenticators) == (False, False)


def test_user_page_shows_authenticators_without_tokens(console, enroll):
    device = enroll("anna")
    profile = Profile.objects.get(profile_id=device.profile_id)
    for kind, name in [("pin", ""), ("custom", "face")]:
        Authenticator.objects.create(profile=profile, type=kind, authenticator_id=name, token_hash=f"hash-of-{kind}")
    Profile.objects.update(wrong_pins=2)
    page = console.get(f"/admin/enrollment/profile/{profile.pk}/change/").content.decode()
    assert "PIN, Custom authenticator face" in page
    assert "2 / 3" in page
    assert "hash-of" not in page
