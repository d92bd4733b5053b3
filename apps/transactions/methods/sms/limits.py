"""Limits of SMS, which protect against SMS pumping and costs.

Limits are checked under locks, inside the database transaction that stores the SMS: concurrent requests cannot exceed
them.
"""

from datetime import datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, QuerySet, Sum, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common import codes
from apps.common.advisory_locks import acquire
from apps.common.statements import AnyOf, Select
from apps.events.types import EventTypes
from apps.sms import services as sms
from apps.system import services as system
from apps.transactions.methods.base import LimitExceeded
from apps.transactions.models import SmsDelivery, SmsUsage, Transaction

HOUR = timedelta(minutes=60)
NUMBER_PURPOSE, PREFIX_PURPOSE = "phone number", "phone number prefix"
PREFIX_DIGITS = 7
ADD_USAGE = """
INSERT INTO transactions_smsusage AS used (client_id, day, country, sent, verified) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (day, client_id, country)
DO UPDATE SET sent = used.sent + excluded.sent, verified = used.verified + excluded.verified
"""
TOO_MANY_SMS = _("Too many text messages. Try again later.")


def reserve(transaction: Transaction, number: str) -> dict[str, str]:
    """Count an SMS before it is stored. Return the hashes of the number for its row.

    Raises LimitExceeded if a limit is reached.
    """
    general = system.general()
    now = timezone.now()
    hashes = {
        "number_hash": codes.keyed_hash(number, NUMBER_PURPOSE),
        "prefix_hash": codes.keyed_hash(number[: PREFIX_DIGITS + 1], PREFIX_PURPOSE),
    }
    # Requests of the same client, number prefix or number wait for each other.
    acquire(f"sms {transaction.client_id}", f"sms {hashes['prefix_hash']}", f"sms {hashes['number_hash']}")
    _add(transaction, number, now, sent=1)
    number_hashes = codes.hash_candidates(number, NUMBER_PURPOSE)
    prefix_hashes = codes.hash_candidates(number[: PREFIX_DIGITS + 1], PREFIX_PURPOSE)
    _check("sms_per_number_per_hour", general.sms_per_number_per_hour, SENT_TO_NUMBER, number_hashes, now)
    _check("sms_per_prefix_per_hour", general.sms_per_prefix_per_hour, SENT_TO_PREFIX, prefix_hashes, now)
    if general.sms_per_client_per_day:
        today = SmsUsage.objects.filter(client=transaction.client, day=now.date())
        if (today.aggregate(total=Sum("sent"))["total"] or 0) > general.sms_per_client_per_day:
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
            raise _limit_exceeded("sms_per_client_per_day", midnight - now)
    return hashes


def _sent_by(column: str) -> Select[SmsDelivery]:
    """Return the query for the number of SMS since a time, and the time of the first of them."""

    def build(hashes: Any, since: Any) -> QuerySet[SmsDelivery, Any]:
        sent = SmsDelivery.objects.filter(AnyOf(column, hashes), created_at__gt=since).order_by()
        grouped = sent.annotate(group=Value(1)).values("group").annotate(number=Count("pk"), first=Min("created_at"))
        return grouped.values_list("number", "first")

    return Select(build)


SENT_TO_NUMBER, SENT_TO_PREFIX = _sent_by("number_hash"), _sent_by("prefix_hash")


def _check(name: str, limit: int, sent: Select[SmsDelivery], hashes: list[str], now: datetime) -> None:
    if not limit:
        return
    for number, first in sent.tuples(hashes=hashes, since=now - HOUR):
        if number >= limit:
            raise _limit_exceeded(name, first + HOUR - now)


def _limit_exceeded(limit: str, remaining: timedelta) -> LimitExceeded:
    return LimitExceeded(limit, remaining.total_seconds(), TOO_MANY_SMS, EventTypes.SMS_AUTH_INIT_FAILURE_LIMIT_REACHED)


def count_verified(transaction: Transaction) -> None:
    """Count a verified code for the day and country of its SMS. A low share is a sign of SMS pumping."""
    _add(transaction, str(transaction.phone_number), transaction.created_at, verified=1)


def _add(transaction: Transaction, number: str, timestamp: datetime, *, sent: int = 0, verified: int = 0) -> None:
    """Add to the numbers of the day and country. The first SMS of a day creates the row."""
    key: list[int | str] = [transaction.client_id, timestamp.date().isoformat(), sms.country_code(number)]
    with connection.cursor() as cursor:
        cursor.execute(ADD_USAGE, [*key, sent, verified])
