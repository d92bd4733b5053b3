"""Which keyed hashes there are, which key made them, and how each kind comes to the newest key or to its end.

A hash cannot be made anew without its plain value. The server has that of push tokens only; of the other kinds it sees
the value when its holder shows it, or the value has a short life.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import Count, Model, QuerySet
from django.db.models.functions import Substr
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.applications.models import ApiClient
from apps.enrollment.models import Authenticator, Device, EnrollmentCode, PushEnrollment
from apps.geocontext.models import LocatedAddress
from apps.staff.models import RecoveryCode
from apps.transactions.models import IdempotentRequest, SmsDelivery, Transaction

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# What limits for phone numbers look back on.
NUMBER_LIMIT_PERIOD = timedelta(hours=1)
IDENTIFIER_CHARACTERS = 8


@dataclass(frozen=True)
class HashKind:
    """Hashes in `fields` of the rows that still matter `at` a moment. `ends` says what takes them off an old key."""

    name: "StrPromise"
    model: type[Model]
    fields: tuple[str, ...]
    migration_note: "StrPromise"
    active_rows: Callable[["QuerySet[Any]", datetime], "QuerySet[Any]"] = lambda rows, _at: rows

    def count_by_key(self, at: datetime) -> Counter[str]:
        """Count live hashes by the identifier of their key."""
        counts = Counter[str]()
        rows = self.active_rows(self.model._default_manager.order_by(), at)
        for field in self.fields:
            by_key = rows.exclude(**{field: ""}).annotate(key=Substr(field, 1, IDENTIFIER_CHARACTERS))
            counts.update(dict(by_key.values_list("key").annotate(Count("pk"))))
        return counts


class ClientSecrets(HashKind):
    """A client holds a list of one or two; there are few clients."""

    def count_by_key(self, at: datetime) -> Counter[str]:
        hashes = [
            secret_hash
            for stored in ApiClient.objects.values_list("secret_hashes", flat=True)
            for secret_hash in stored
        ]
        return Counter(secret_hash[:IDENTIFIER_CHARACTERS] for secret_hash in hashes)


KINDS = [
    HashKind(
        _("push tokens"),
        PushEnrollment,
        ("token_hash",),
        _("rotate_encryption_keys moves them; one that is left cannot be read: its app has to enrol for push again"),
    ),
    ClientSecrets(
        _("client secrets"),
        ApiClient,
        ("secret_hashes",),
        _("each moves when its client uses it; one that nobody uses is removed or replaced"),
    ),
    HashKind(
        _("device tokens"),
        Device,
        ("token_hash",),
        _("each moves when its device calls; a device that never calls has to enrol again once the key is gone"),
    ),
    HashKind(
        _("tokens of authenticators"),
        Authenticator,
        ("token_hash",),
        _("each moves when it approves; one that is not used has to be registered again once the key is gone"),
    ),
    HashKind(
        _("console sessions"),
        Session,
        ("session_key",),
        _("they end within a day, or when their owners sign out"),
        lambda rows, at: rows.filter(expire_date__gt=at),
    ),
    HashKind(
        _("recovery codes of staff"),
        RecoveryCode,
        ("code_hash",),
        _("they cannot be moved: their owners make new ones"),
    ),
    HashKind(
        _("enrolment codes"),
        EnrollmentCode,
        ("code_hash",),
        _("they end within 10 minutes"),
        lambda rows, at: rows.filter(used_at=None, expires_at__gt=at),
    ),
    HashKind(
        _("one-time passwords and codes of text messages"),
        Transaction,
        ("code_hash",),
        _("they end with their transactions"),
        lambda rows, at: rows.filter(pk__in=Transaction.objects.pending(at)),
    ),
    HashKind(
        _("phone numbers that limits count"),
        SmsDelivery,
        ("number_hash", "prefix_hash"),
        _("they count for an hour"),
        lambda rows, at: rows.filter(created_at__gt=at - NUMBER_LIMIT_PERIOD),
    ),
    HashKind(
        _("requests with an Idempotency-Key"),
        IdempotentRequest,
        ("request_digest",),
        _("they end with their transactions"),
        lambda rows, at: rows.filter(expires_at__gt=at),
    ),
]
# Looked for under the newest key only: these begin anew as soon as there is a newer one, and hold no key back.
NEWEST_KEY_ONLY: dict[type[Model], str] = {LocatedAddress: "key", AccessAttempt: "username"}


def kinds_by_key() -> dict[str, list[tuple[HashKind, int]]]:
    """Return the kinds of which live hashes were made under each key, and how many those are."""
    now = timezone.now()
    kinds: dict[str, list[tuple[HashKind, int]]] = {}
    for kind in KINDS:
        for identifier, count in kind.count_by_key(now).items():
            kinds.setdefault(identifier, []).append((kind, count))
    return kinds
