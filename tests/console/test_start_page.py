"""Start page: problems and transactions of the last 24 hours."""

import json
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.events.models import AuditVerification
from apps.transactions.models import PushDelivery, SmsUsage, Transaction
from tests.console.test_roles import sign_in_as


@pytest.fixture
def add(portal):
    """Add transactions of the last 24 hours; `now` is the start of the test."""
    now = timezone.now()

    def run(number, method, status, hours_ago=1, **fields):
        at = now - timedelta(hours=hours_ago)
        timestamps = {"created_at": at, "expires_at": at + timedelta(seconds=300)}
        fields = {
            "client": portal.api_client,
            "type_name": "login",
            "user_id": "anna",
            "token": "x",
            **timestamps,
            **fields,
        }
        for _number in range(number):
            Transaction.objects.create(method=method, status=status, **fields)

    run.now = now
    return run


def start_page(console):
    cache.clear()
    return console.get("/admin/")


def columns(chart):
    """Return the counts above zero of a chart, by hour and status."""
    data = json.loads(chart.data)
    assert len(data["labels"]) == 25
    return {
        f"{hour} {dataset['label']}": count
        for dataset in data["datasets"]
        for hour, count in zip(data["labels"], dataset["data"], strict=True)
        if count
    }


def problems(page):
    return [str(problem["title"]) for problem in page.context["problems"]]


def test_no_transactions_show_no_chart(console):
    page = start_page(console)
    assert "console-chart" not in page.content.decode()
    assert {outcome["count"] for outcome in page.context["outcomes"]} == {0}


def test_each_method_has_chart_description_and_table(console, add):
    add(3, "push", "authenticated", hours_ago=2)
    add(1, "push", "not_authenticated", hours_ago=2, reason="not_accepted")
    add(1, "push", "pending", hours_ago=5)
    add(2, "otp", "authenticated", hours_ago=23.9)
    add(5, "sms", "authenticated", hours_ago=24.1)
    page = start_page(console)

    push, otp = page.context["charts"]
    hour = f"{add.now - timedelta(hours=2):%H}:00"
    assert push.description == (
        f"Push by hour: 5 in 24 hours (Authenticated 3, Expired 1, Not authenticated 1). Peak: 4 at {hour} (UTC)."
    )
    assert (otp.label, otp.total, columns(otp)) == (
        "OTP",
        2,
        {f"{add.now - timedelta(hours=23.9):%H}:00 Authenticated": 2},
    )
    assert columns(push) == {
        f"{add.now - timedelta(hours=5):%H}:00 Expired": 1,
        f"{hour} Authenticated": 3,
        f"{hour} Not authenticated": 1,
    }

    # Pending, authenticated, not authenticated, expired, cancelled.
    assert [(method, numbers) for _hour, method, numbers in page.context["hours"]] == [
        ("Push", [0, 3, 1, 0, 0]),
        ("Push", [0, 0, 0, 1, 0]),
        ("OTP", [0, 2, 0, 0, 0]),
    ]
    content = page.content.decode()
    assert content.count('role="img"') == 2
    assert re.search(rf'<th scope="row">[^<]*{hour}</th><td>Push</td>', content)
    assert content.count('<canvas class="chart"') == 2


def test_transactions_are_counted_with_one_query(console, add, django_assert_max_num_queries):
    add(3, "push", "authenticated")
    start_page(console)
    with django_assert_max_num_queries(52) as queries:
        console.get("/admin/")
    assert not [
        query for query in queries.captured_queries if "COUNT(" in query["sql"] and "transaction" in query["sql"]
    ]


@pytest.mark.parametrize(
    ("verified", "failed", "others", "is_reported"),
    [(9, 11, {}, True), (10, 10, {}, False), (0, 19, {}, False), (9, 11, {"reason": "failed_to_send"}, False)],
)
def test_few_verified_codes_are_reported(console, add, verified, failed, others, is_reported):
    add(verified, "sms", "authenticated")
    add(failed, "sms", "not_authenticated", **others)
    add(30, "sms", "pending", hours_ago=0.01)
    add(30, "push", "expired")
    page = start_page(console)
    assert problems(page) == (["Few SMS codes are verified"] if is_reported else [])
    if is_reported:
        assert "sent for 20 transactions and verified for 9." in page.content.decode()


@pytest.fixture
def sent(portal):
    """Add SMS counts of a country; a day of 0 is today."""

    def run(country, number, verified, days_ago=0):
        day = timezone.now().date() - timedelta(days=days_ago)
        fields = {"client": portal.api_client, "country": country, "sent": number, "verified": verified}
        SmsUsage.objects.create(day=day, **fields)

    return run


def test_country_with_few_verified_codes_is_reported(console, add, sent):
    add(500, "sms", "authenticated")
    sent("NL", 500, 490)
    sent("BE", 12, 3)
    sent("BE", 8, 6, days_ago=1)
    sent("DE", 19, 0)
    sent("FR", 20, 10)
    sent("LU", 400, 0, days_ago=2)
    page = start_page(console)
    [problem] = page.context["problems"]
    assert problem["title"] == "Few SMS codes sent to BE are verified"
    assert not problem["is_failure"]
    assert "20 messages were sent to BE and 9 codes were verified." in problem["description"]
    assert "BE" in console.get(problem["url"]).content.decode()
    assert problem["url"].endswith("/smsusage/?country=BE")


def test_five_worst_countries_replace_the_total(console, add, sent):
    add(600, "sms", "expired")
    for number, country in enumerate(("AT", "BE", "CH", "DE", "ES", "FR", "GB")):
        sent(country, 20 + number, 1)
    named = [title.split()[5] for title in problems(start_page(console))]
    assert named == ["GB", "FR", "ES", "DE", "CH"]


def test_last_verification_of_the_audit_log_is_reported(console):
    assert problems(start_page(console)) == []
    verification = AuditVerification.objects.create(verified_at=timezone.now() - timedelta(hours=47), problems=0)
    assert problems(start_page(console)) == []
    AuditVerification.objects.update(verified_at=timezone.now() - timedelta(hours=49))
    assert problems(start_page(console)) == ["The verification of the audit log is overdue"]
    AuditVerification.objects.update(problems=3)
    assert problems(start_page(console)) == ["The audit log has problems"]
    verification.delete()
    assert problems(start_page(console)) == []


def test_overdue_deliveries_are_reported(console, device, portal, mobile_type):
    assert portal.start(mobile_type, device).status_code == 200
    PushDelivery.objects.update(due_at=timezone.now() - timedelta(seconds=30))
    assert problems(start_page(console)) == []

    since = timezone.now() - timedelta(seconds=61)
    PushDelivery.objects.update(due_at=since)
    page = start_page(console)
    assert problems(page) == ["Deliveries are overdue"]
    assert f"Overdue since {since:%-d %b %Y, %H:%M:%S} (UTC): pushes." in page.content.decode()

    PushDelivery.objects.update(state="done")
    CallbackDelivery.objects.create(
        url="http://127.0.0.1:9/", transaction_id=Transaction.objects.get().pk, due_at=since
    )
    assert "(UTC): callbacks." in start_page(console).content.decode()


def test_overdue_deliveries_are_hidden_while_feature_is_off(console, device, portal, mobile_type):
    portal.start(mobile_type, device)
    PushDelivery.objects.update(due_at=timezone.now() - timedelta(hours=1))
    console.save("/admin/system/features/", mobile_authentication=None)
    assert problems(start_page(console)) == []


def test_helpdesk_sees_charts_without_problems(db, add):
    add(1, "push", "authenticated")
    add(30, "sms", "expired")
    page = start_page(sign_in_as("helpdesk"))
    assert [chart.label for chart in page.context["charts"]] == ["Push", "SMS"]
    assert "problems" not in page.context
    assert "Few text messages" not in page.content.decode()
