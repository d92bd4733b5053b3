"""Problems of deliveries, callbacks, text messages and the audit log, which the start page of the console shows too."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.callbacks import problems as callbacks
from apps.common.console.admin import format_datetime
from apps.common.console.documents import Document, error, troubleshooting
from apps.common.console.problems import Problem
from apps.common.findings import Finding, Level, from_problem
from apps.events.models import AuditVerification
from apps.outbox.queues import QUEUES
from apps.system import services as system
from apps.transactions.models import SmsUsage

# A worker claims due deliveries within a second and takes over expired leases within 30 seconds.
OVERDUE_AFTER = timedelta(seconds=60)
# Smaller samples are not significant. Of legitimate messages, most codes are verified.
MIN_SMS_SAMPLE = 20
MIN_VERIFIED_SHARE = 0.5
# SMS pumping can use numbers of many countries; the linked page lists all of them.
MAX_COUNTRIES = 5
# The verification of the audit log runs daily.
VERIFICATION_OVERDUE_AFTER = timedelta(days=2)
SMS_USAGE_PAGE = "admin:transactions_smsusage_changelist"


def check() -> Iterator[Finding]:
    """Yield the problems as warnings: they are about the operation, not about the configuration."""
    yield from (from_problem(problem, Level.WARNING) for problem in problems())


def problems() -> Iterator[Problem]:
    yield from audit_log()
    if system.features().mobile_authentication:
        yield from overdue_deliveries()
        yield from callbacks.problems()
        yield from countries_with_unverified_sms()


def audit_log() -> Iterator[Problem]:
    """Yield a problem if the last recorded verification found problems or is overdue. Without a record: none."""
    verification = AuditVerification.objects.first()
    if verification is None:
        return
    values = {"time": format_datetime(verification.verified_at), "count": verification.problems}
    if verification.problems:
        title = _("The audit log has problems")
        text = _(
            "Problems of the verification at %(time)s (UTC): %(count)d. Run verify_audit_log: it names each of them."
        )
        yield Problem(title, title, text % values, documents=(troubleshooting("the-audit-log-has-problems"),))
    elif verification.verified_at < timezone.now() - VERIFICATION_OVERDUE_AFTER:
        title = _("The verification of the audit log is overdue")
        text = _(
            "The last verification was at %(time)s (UTC). Check the timer or job that runs verify_audit_log daily."
        )
        documents = (troubleshooting("the-audit-log-has-problems"),)
        yield Problem(title, title, text % values, is_failure=False, documents=documents)


def overdue_deliveries() -> Iterator[Problem]:
    """Yield a problem if deliveries are overdue. The query per queue uses an index."""
    now = timezone.now()
    waiting = {queue: queue.rows.waiting(now).values_list("due_at", flat=True).first() for queue in QUEUES}
    overdue = {queue: due_at for queue, due_at in waiting.items() if due_at and due_at < now - OVERDUE_AFTER}
    if overdue:
        title = _("Deliveries are overdue")
        text = _(
            "Overdue since %(since)s (UTC): %(queues)s. Start a worker for these queues with “make worker”; if one is "
            "running, add more workers or check its log."
        ) % {
            "since": format_datetime(min(overdue.values())),
            "queues": ", ".join(str(queue.rows._meta.verbose_name_plural) for queue in overdue),
        }
        yield Problem(title, title, text, documents=(troubleshooting("deliveries-are-overdue"),))


def countries_with_unverified_sms() -> Iterator[Problem]:
    """Yield the countries where few codes are verified, ordered by the number of unverified codes."""
    yesterday = timezone.now().date() - timedelta(days=1)
    rows = SmsUsage.objects.filter(day__gte=yesterday).order_by().values_list("country")
    totals = rows.annotate(Sum("sent"), Sum("verified"))
    low = [(sent - verified, country, sent, verified) for country, sent, verified in totals if is_low(sent, verified)]
    for _unverified, country, sent, verified in sorted(low, reverse=True)[:MAX_COUNTRIES]:
        title = _("Few SMS codes sent to %(country)s are verified") % {"country": country}
        text = _(
            "Since yesterday, %(sent)d messages were sent to %(country)s and %(verified)d codes were verified. "
            "Messages may not be delivered there, or this may be SMS pumping. Check the portals that sent them. "
            "Countries can be blocked under General."
        ) % {"country": country, "sent": sent, "verified": verified}
        url = reverse(SMS_USAGE_PAGE, query={"country": country})
        yield Problem(title, title, text, is_failure=False, url=url, documents=sms_documents())


def sms_documents() -> tuple[Document, ...]:
    return troubleshooting("few-sms-codes-are-verified"), error("3001"), error("1429")


def is_low(sent: int, verified: int) -> bool:
    """Return True if few codes of a significant number of messages were verified."""
    return sent >= MIN_SMS_SAMPLE and verified < sent * MIN_VERIFIED_SHARE
