"""Text messages that were sent and codes that came back, by day, country and client."""

from datetime import date

import pytest

from apps.transactions.models import SmsUsage
from tests import factories

pytestmark = pytest.mark.django_db
PAGE = "/admin/transactions/smsusage/"


def test_sent_and_verified_stand_beside_each_other_newest_day_first(console):
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


def test_nothing_can_be_changed_there(console):
    SmsUsage.objects.create(client=factories.ApiClientFactory(), day=date(2026, 3, 1), country="NL", sent=1)
    assert console.get(f"{PAGE}add/").status_code == 403
    row = SmsUsage.objects.get()
    console.post(f"{PAGE}{row.pk}/change/", {"sent": 7})
    console.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"})
    row.refresh_from_db()
    assert row.sent == 1
