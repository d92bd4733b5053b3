"""Limits of SMS, which protect against SMS pumping and costs.

Limits are checked under locks, inside the database transaction that stores the SMS: concurrent requests cannot exceed
them.
"""

from datetime import datetime, time, timedelta

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common import codes
from apps.common.advisory_locks import acquire
from apps.events.types import EventTypes
from apps.sms import services as sms
from apps.system import services as system
from apps.transactions.methods.base import LimitExceeded
from apps.transactions.models import SmsDelivery, SmsUsage, Transaction

HOUR = timedelta(minutes=60)
NUMBER_PURPOSE, PREFIX_PURPOSE = "phone number", "phone number prefix"
PREFIX_DIGITS = 7
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
    to_number = Q(number_hash__in=codes.hash_candidates(number, NUMBER_PURPOSE))
    to_prefix = Q(prefix_hash__in=codes.hash_candidates(number[: PREFIX_DIGITS + 1], PREFIX_PURPOSE))
    _check("sms_per_number_per_hour", general.sms_per_number_per_hour, to_number, now)
    _check("sms_per_prefix_per_hour", general.sms_per_prefix_per_hour, to_prefix, now)
    if general.sms_per_client_per_day:
        today = SmsUsage.objects.filter(client=transaction.client, day=now.date())
        if (today.aggregate(total=Sum("sent"))["total"] or 0) > general.sms_per_client_per_day:
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
            raise _limit_exceeded("sms_per_client_per_day", midnight - now)
    return hashes


def _check(name: str, limit: int, rows: Q, now: datetime) -> None:
    if not limit:
        return
    usage = SmsDelivery.objects.filter(rows, created_at__gt=now - HOUR).aggregate(
        number=Count("pk"), first=Min("created_at")
    )
    if usage["number"] >= limit:
        raise _limit_exceeded(name, usage["first"] + HOUR - now)


def _limit_exceeded(limit: str, remaining: timedelta) -> LimitExceeded:
    return LimitExceeded(limit, remaining.total_seconds(), TOO_MANY_SMS, EventTypes.SMS_AUTH_INIT_FAILURE_LIMIT_REACHED)


def count_verified(transaction: Transaction) -> None:
    """Count a verified code for the day and country of its SMS. A low share is a sign of SMS pumping."""
    _add(transaction, str(transaction.phone_number), transaction.created_at, verified=1)


def _add(transaction: Transaction, number: str, timestamp: datetime, *, sent: int = 0, verified: int = 0) -> None:
    key = {"client_id": transaction.client_id, "day": timestamp.date(), "country": sms.country_code(number)}
    rows: QuerySet[SmsUsage] = SmsUsage.objects.filter(**key)
    increments = {"sent": F("sent") + sent, "verified": F("verified") + verified}
    if not rows.update(**increments):
        # The first SMS of the day creates the row; another request can create it concurrently.
        SmsUsage.objects.bulk_create([SmsUsage(**key)], ignore_conflicts=True)
        rows.update(**increments)
