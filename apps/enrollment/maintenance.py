"""Periodic maintenance: rehash push tokens, delete unused server keys."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, ProtectedError

from apps.common import codes
from apps.common.encryption import CannotDecrypt
from apps.enrollment import push_enrollments
from apps.enrollment.models import Profile, PushEnrollment, ServerKey

BATCH = 200
# An enrolment that began before a rotation can still use the previous shared key.
MAX_ENROLLMENT_DURATION = timedelta(hours=1)


def rehash_push_tokens() -> int:
    """Hash all push tokens with the newest key, and return the number of rehashed tokens.

    A token that is replaced concurrently is skipped. A token that cannot be decrypted stays unchanged.
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
        token_hash = push_enrollments.hash_candidates(row.token)[0]
    except CannotDecrypt:
        return 0
    return PushEnrollment.objects.filter(pk=row.pk, token_hash=row.token_hash).update(token_hash=token_hash)


def remove_unused_server_keys(now: datetime) -> int:
    """Delete server keys that no profile uses and no new enrolment can get, and return their number."""
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
            # A concurrent enrolment uses one of the keys. The next run deletes the others.
            break
        total += removed
    return total
