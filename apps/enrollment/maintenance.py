"""What is done from time to time with the rows of devices: hashes of push tokens move on, unused keys go."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, ProtectedError

from apps.common import codes
from apps.common.encryption import CannotDecrypt
from apps.enrollment.models import Profile, PushEnrollment, ServerKey
from apps.enrollment.push_enrollments import PUSH_TOKEN_PURPOSE

BATCH = 200
# An enrolment that began before a rotation may still take the key that was shared then.
MAX_ENROLLMENT_DURATION = timedelta(hours=1)


def rehash_push_tokens() -> int:
    """Hash the push tokens under the newest key, which the stored tokens allow; returns how many there were.

    One that is replaced meanwhile is left to its writer; one that no key opens stays as it is.
    """
    total = 0
    outdated = PushEnrollment.objects.exclude(token_hash__startswith=codes.newest_prefix()).order_by("pk")
    remaining = outdated
    while batch := list(remaining[:BATCH]):
        total += sum(map(_rehash_token, batch))
        remaining = outdated.filter(pk__gt=batch[-1].pk)
    return total


def _rehash_token(row: PushEnrollment) -> int:
    try:
        token_hash = codes.keyed_hash(row.token, PUSH_TOKEN_PURPOSE)
    except CannotDecrypt:
        return 0
    return PushEnrollment.objects.filter(pk=row.pk, token_hash=row.token_hash).update(token_hash=token_hash)


def remove_unused_server_keys(now: datetime) -> int:
    """Remove server keys that no profile knows and no enrolment gets any more; returns how many there were."""
    created_before = now - MAX_ENROLLMENT_DURATION
    if ServerKey.objects.filter(shared=True, created_at__gt=created_before).exists():
        return 0
    is_used = Exists(Profile.objects.filter(server_key=OuterRef("pk")))
    unused = ServerKey.objects.filter(~is_used, shared=False, created_at__lte=created_before).order_by("pk")
    total = 0
    while batch := list(unused.values_list("pk", flat=True)[:BATCH]):
        try:
            with transaction.atomic():
                removed = ServerKey.objects.filter(pk__in=batch).delete()[0]
        except (ProtectedError, IntegrityError):
            # Somebody has enrolled with one of them in this moment: the next run looks again.
            break
        total += removed
    return total
