"""Signing keys of the issuer (ES256): creation on first use, rotation with an overlap, publication.

A new key is published before it signs, because clients cache the key set, and after it was replaced, so that tokens
stay verifiable. Rotation by age needs no action of the operator.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from joserfc.jwk import ECKey, KeySet

from apps.ciba.models import SigningKey
from apps.common import short_cache
from apps.common.advisory_locks import acquire
from apps.events import services as events
from apps.events.facts import KeyFacts
from apps.events.types import EventTypes

ALGORITHM, CURVE = "ES256", "P-256"
# How long clients may cache the key set.
MAX_AGE = timedelta(hours=1)
# Time from the publication of a new key to its first signature: longer than a cached key set is used.
LEAD = timedelta(hours=2)
# Time for which a replaced key is published.
OVERLAP = timedelta(days=1)
LIFETIME = timedelta(days=90)
LOCK = "ciba signing key"


def active() -> SigningKey:
    """Return the key that signs now. The first call creates it."""
    key = short_cache.get((SigningKey, "active"), _find_active)
    return key or _create_first()


def private_key(key: SigningKey) -> ECKey:
    return ECKey.import_key(json.loads(key.private_key))


def _find_active() -> SigningKey | None:
    return SigningKey.objects.filter(activated_at__lte=timezone.now()).order_by("-activated_at").first()


def _create_first() -> SigningKey:
    """Create the first key. Of concurrent first uses, one creates it and the others use it."""
    with transaction.atomic():
        acquire(LOCK)
        return _find_active() or _create(timezone.now())


def _create(activated_at: datetime) -> SigningKey:
    pair = ECKey.generate_key(CURVE, auto_kid=True)
    common = {"use": "sig", "alg": ALGORITHM}
    key = SigningKey.objects.create(
        kid=pair.thumbprint(),
        private_key=json.dumps({**pair.as_dict(private=True), **common}),
        public_key={**pair.as_dict(private=False), **common},
        activated_at=activated_at,
    )
    events.record(EventTypes.CIBA_SIGNING_KEY_CREATED, KeyFacts(kid=key.kid))
    return key


def rotate(*, at_once: bool = False) -> SigningKey:
    """Create the next key and return it. If one is published and not active yet, return that one.

    With `at_once`, the new key signs from now on, and all other published keys are deleted: what a disclosed key has
    signed is no longer accepted, not even as a hint.
    """
    with transaction.atomic():
        acquire(LOCK)
        now = timezone.now()
        if at_once:
            published(now).delete()
            return _create(now)
        if key := SigningKey.objects.filter(activated_at__gt=now).first():
            return key
        key = _create(now + LEAD if published(now).exists() else now)
        published(now).exclude(pk=key.pk).filter(retired_at=None).update(retired_at=key.activated_at + OVERLAP)
    return key


def rotate_by_age() -> None:
    """Create the next key if the newest one is old. Erase the private keys that are no longer published."""
    now = timezone.now()
    newest = SigningKey.objects.order_by("-activated_at").first()
    if newest and newest.activated_at <= now - LIFETIME:
        rotate()
    SigningKey.objects.filter(retired_at__lte=now).exclude(private_key="").update(private_key="")


def published(now: datetime) -> QuerySet[SigningKey]:
    return SigningKey.objects.filter(Q(retired_at=None) | Q(retired_at__gt=now))


def key_set() -> dict[str, list[dict[str, Any]]]:
    """Return the published public keys as a JWK Set, the active one first."""
    active()
    keys = sorted(published(timezone.now()), key=lambda key: key.activated_at > timezone.now())
    return {"keys": [key.public_key for key in keys]}


def verification_keys() -> KeySet:
    """Return the published keys, which verify the access tokens of this issuer."""
    return KeySet([ECKey.import_key(row.public_key) for row in published(timezone.now())])
