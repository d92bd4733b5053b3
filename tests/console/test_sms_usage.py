"""SMS usage by day, country and client."""

import re
from datetime import date

import pytest

from apps.transactions.models import SmsUsage, Transaction
from tests import factories
from tests.console.test_roles import sign_in_as

pytestmark = pytest.mark.django_db
PAGE = "/admin/transactions/smsusage/"


def test_sms_usage_lists_sent_and_verified_by_day(console):
    client = factories.ApiClientFactory(name="Shop")
    for day, country, sent, verified in ((1, "NL", 200, 150), (2, "NL", 10, 9), (2, "BE", 300, 3)):
        SmsUsage.objects.create(client=client, day=date(2026, 3, day), country=country, sent=sent, verified=verified)
    text = console.get(PAGE).content.decode()
    assert [text.index(share) for share in ("1 %", "90 %", "75 %")] == sorted(
        text.index(share) for share in ("1 %", "90 %", "75 %")
    )
    only = console.get(PAGE, {"country": "BE"}).content.decode()
    assert "300" in only
    assert "90 %" not in only


LISTED_ON = ("/admin/transactions/transaction/", "/admin/system/generalconfiguration/")
BUTTON = "/text-messages-by-day/"


def test_transactions_and_general_link_to_sms_usage(console):
    for path in LISTED_ON:
        [button] = re.findall(rf'href="([^"]+{BUTTON})"', console.get(path).content.decode())
        assert console.get(button)["Location"] == PAGE
    assert 'href="/admin/transactions/transaction/" class="console-menu-item" aria-current="page"' in (
        console.get(PAGE).content.decode()
    )


def test_sms_usage_link_requires_permission(db):
    page = sign_in_as("operator", "otto").get(LISTED_ON[0]).content.decode()
    assert BUTTON in page
    helpdesk = sign_in_as("helpdesk")
    assert BUTTON not in helpdesk.get(LISTED_ON[0]).content.decode()
    assert helpdesk.get(f"/admin/transactions/transaction{BUTTON}").status_code == 403


def test_disabled_feature_hides_sms_usage_links(console, portal, device, mobile_type):
    assert portal.start(mobile_type, device).status_code == 200
    page = f"/admin/transactions/transaction/{Transaction.objects.get().pk}/change/"
    assert "callbackdelivery" in console.get(page).content.decode()
    console.save("/admin/system/features/", mobile_authentication=None)
    assert BUTTON not in console.get(LISTED_ON[0]).content.decode()
    assert "callbackdelivery" not in console.get(page).content.decode()


def test_sms_usage_is_read_only(console):
    SmsUsage.objects.create(client=factories.ApiClientFactory(), day=date(2026, 3, 1), country="NL", sent=1)
    assert console.get(f"{PAGE}add/").status_code == 403
    row = SmsUsage.objects.get()
    console.post(f"{PAGE}{row.pk}/change/", {"sent": 7})
    console.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"})
    row.refresh_from_db()
    assert row.sent == 1
