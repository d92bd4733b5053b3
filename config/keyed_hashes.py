"""Keyed hashes (HMAC) in the database: which key made them, and how they migrate to the newest key.

A hash can be recomputed only from its plain value. The server stores the plain values of push tokens only. It gets the
other values when they are used, or they have a short lifetime.
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
from apps.ciba.models import AuthenticationRequest
from apps.enrollment.models import Authenticator, Device, EnrollmentCode, PushEnrollment
from apps.geocontext.models import LocatedAddress
from apps.staff.models import RecoveryCode
from apps.transactions.models import IdempotentRequest, SmsDelivery, Transaction

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# Period of the rate limits for phone numbers.
NUMBER_LIMIT_PERIOD = timedelta(hours=1)
IDENTIFIER_CHARACTERS = 8


@dataclass(frozen=True)
class HashKind:
    """Hashes in `fields` of a model. `active_rows` selects the rows in use at a time.

    `migration_note` describes how the hashes stop using an old key.
    """

    name: "StrPromise"
    model: type[Model]
    fields: tuple[str, ...]
    migration_note: "StrPromise"
    active_rows: Callable[["QuerySet[Any]", datetime], "QuerySet[Any]"] = lambda rows, _at: rows

    def count_by_key(self, at: datetime) -> Counter[str]:
        """Count hashes in use by key id."""
        counts = Counter[str]()
        rows = self.active_rows(self.model._default_manager.order_by(), at)
        for field in self.fields:
            by_key = rows.exclude(**{field: ""}).annotate(key=Substr(field, 1, IDENTIFIER_CHARACTERS))
            counts.update(dict(by_key.values_list("key").annotate(Count("pk"))))
        return counts


class ClientSecrets(HashKind):
    """Hashes of client secrets. A client has a list of one or two."""

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
        _("rotate_encryption_keys migrates them; if one cannot be decrypted, its app must enrol for push again"),
    ),
    ClientSecrets(
        _("client secrets"),
        ApiClient,
        ("secret_hashes",),
        _("each is migrated when its client uses it; remove or replace unused secrets"),
    ),
    HashKind(
        _("device tokens"),
        Device,
        ("token_hash",),
        _("each is migrated at the next request of its device; unused ones require a new enrolment after the removal"),
    ),
    HashKind(
        _("tokens of authenticators"),
        Authenticator,
        ("token_hash",),
        _("each is migrated when it approves; after the removal of the key, it must be registered again"),
    ),
    HashKind(
        _("console sessions"),
        Session,
        ("session_key",),
        _("they expire within a day or end when the staff sign out"),
        lambda rows, at: rows.filter(expire_date__gt=at),
    ),
    HashKind(
        _("recovery codes of staff"),
        RecoveryCode,
        ("code_hash",),
        _("they cannot be migrated: the staff must create new ones"),
    ),
    HashKind(
        _("enrolment codes"),
        EnrollmentCode,
        ("code_hash",),
        _("they expire within 10 minutes"),
        lambda rows, at: rows.filter(used_at=None, expires_at__gt=at),
    ),
    HashKind(
        _("one-time passwords and verification codes"),
        Transaction,
        ("code_hash",),
        _("they end with their transactions"),
        lambda rows, at: rows.filter(pk__in=Transaction.objects.pending(at)),
    ),
    HashKind(
        _("phone numbers in rate limits"),
        SmsDelivery,
        ("number_hash", "prefix_hash"),
        _("they are used for an hour"),
        lambda rows, at: rows.filter(created_at__gt=at - NUMBER_LIMIT_PERIOD),
    ),
    HashKind(
        _("requests with an Idempotency-Key"),
        IdempotentRequest,
        ("request_digest",),
        _("they end with their transactions"),
        lambda rows, at: rows.filter(expires_at__gt=at),
    ),
    HashKind(
        _("CIBA requests"),
        AuthenticationRequest,
        ("auth_req_id_hash",),
        _("they expire with their transactions"),
        lambda rows, at: rows.filter(used_at=None, expires_at__gt=at),
    ),
]
# Hashes that are looked up with the newest key only. They are not migrated and do not require an old key.
NEWEST_KEY_ONLY: dict[type[Model], str] = {LocatedAddress: "key", AccessAttempt: "username"}


def kinds_by_key() -> dict[str, list[tuple[HashKind, int]]]:
    """Return for each key id the kinds of hashes in use, with their numbers."""
    now = timezone.now()
    kinds: dict[str, list[tuple[HashKind, int]]] = {}
    for kind in KINDS:
        for identifier, count in kind.count_by_key(now).items():
            kinds.setdefault(identifier, []).append((kind, count))
    return kinds
