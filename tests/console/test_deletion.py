"""Deletion is blocked for rows in use, and the page lists their users."""

import pytest
from django.db.models import ProtectedError

from apps.applications.models import ApiClient, Application, ApplicationVersion
from apps.enrollment.models import EnrollmentCode
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.system.models import GeneralConfiguration
from apps.transactions.models import Transaction
from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.console.conftest import errors


def assert_deletion_blocked(console, row, *names):
    path = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/delete/"
    for page in (console.get(path), console.post(path, {"post": "yes"})):
        text = page.content.decode()
        assert page.status_code == 200
        assert "is in use and cannot be deleted" in text
        assert [name for name in names if name not in text] == []
    assert type(row).objects.filter(pk=row.pk).exists()


def test_push_configuration_in_use_lists_versions(console, version):
    assert_deletion_blocked(console, version.push_messaging_configuration, "version", str(version))


def test_client_in_use_lists_some_transactions(console, portal, mobile_type, device):
    GeneralConfiguration.objects.update_or_create(pk=1, defaults={"max_pending_transactions": 100})
    transactions = [portal.start(mobile_type, device).json()["transaction_id"] for _ in range(12)]
    assert_deletion_blocked(console, portal.api_client, "transaction", "… and more")
    page = console.get(f"/admin/applications/apiclient/{portal.api_client.pk}/delete/").content.decode()
    assert sum(transaction in page for transaction in transactions) == 10


def test_application_in_use_lists_devices(console, device, version):
    assert_deletion_blocked(console, version.application, "device", "Phone of anna")


def test_version_in_use_is_not_removed(console, device, version):
    page = console.save(
        f"/admin/applications/application/{version.application_id}/change/", **{"versions-0-DELETE": "on"}
    )
    text = errors(page)["__all__"]
    assert "cannot be removed because it is used by: device “Phone of anna”." in text
    assert ApplicationVersion.objects.filter(pk=version.pk).exists()


def test_unused_version_is_removed(console, version, changes):
    path = f"/admin/applications/application/{version.application_id}/change/"
    assert console.save(path, **{"versions-0-DELETE": "on"}).status_code == 302
    assert not ApplicationVersion.objects.exists()
    assert changes("ADMIN_CONFIGURATION_DELETED")["object"] == str(version)


def test_unused_row_is_deleted_with_dependent_rows(console, version, changes):
    EnrollmentCode.objects.create(code_hash="x", user_id="anna", application=version.application)
    path = f"/admin/applications/application/{version.application_id}/delete/"
    confirmation = console.get(path).content.decode()
    assert "1 versions" in confirmation
    assert Application.objects.exists()
    assert console.post(path, {"post": "yes"}).status_code == 302
    assert not Application.objects.exists()
    assert changes("ADMIN_CONFIGURATION_DELETED")["model"] == "applications.Application"


@pytest.mark.parametrize(
    ("make", "model"),
    [
        (factories.PushMessagingConfigurationFactory, PushMessagingConfiguration),
        (factories.ApiClientFactory, ApiClient),
        (factories.TypeFactory, MobileAuthenticationType),
    ],
)
def test_unused_configuration_is_deleted(console, make, model):
    row = make()
    path = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/delete/"
    assert "Nothing else will be deleted." in console.get(path).content.decode()
    assert console.post(path, {"post": "yes"}).status_code == 302
    assert not model.objects.exists()


def test_type_is_deleted_without_its_transactions(console, portal, mobile_type, device):
    portal.start(mobile_type, device)
    console.post(f"/admin/transactions/mobileauthenticationtype/{mobile_type.pk}/delete/", {"post": "yes"})
    assert Transaction.objects.get().type_name == mobile_type.name


def test_row_used_meanwhile_is_not_deleted(console, monkeypatch):
    api_client = factories.ApiClientFactory()

    def raise_protected(self):
        raise ProtectedError("in use", set())

    monkeypatch.setattr(ApiClient, "delete", raise_protected)
    response = console.post(f"/admin/applications/apiclient/{api_client.pk}/delete/", {"post": "yes"}, follow=True)
    assert "now in use and was not deleted" in response.content.decode()
    assert not Event.objects.filter(event_type="ADMIN_CONFIGURATION_DELETED").exists()
