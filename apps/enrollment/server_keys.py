"""Server keys: shared keys of all new enrolments, unique ones, and their rotation."""

from django.db import transaction

from apps.enrollment.keys import KINDS
from apps.enrollment.models import KeyKind, ServerKey
from apps.events import services as events
from apps.events.facts import NoFacts
from apps.events.types import EventTypes
from apps.system import services as system


def for_enrollment(kind: KeyKind) -> ServerKey:
    """Return the server key for a new enrolment: the shared key, created on first use, or a unique key."""
    if system.general().unique_pgp_keys_per_enrollment:
        return _create(kind, shared=False)
    return ServerKey.objects.filter(kind=kind, shared=True).first() or _create(kind, shared=True)


def rotate() -> list[ServerKey]:
    """Create a new shared key of each kind for future enrolments. Enrolled profiles keep their server key."""
    with transaction.atomic():
        ServerKey.objects.filter(shared=True).update(shared=False)
        keys = [_create(kind, shared=True) for kind in KeyKind]
        events.record(EventTypes.SERVER_KEY_ROTATED, NoFacts())
    return keys


def _create(kind: KeyKind, *, shared: bool) -> ServerKey:
    pair = KINDS[kind].generate()
    halves = {"secret_key": pair.secret_key, "public_key": pair.public_key}
    if not shared:
        return ServerKey.objects.create(kind=kind, **halves)
    # Of two concurrent first enrolments, the second uses the key of the first.
    key, _created = ServerKey.objects.get_or_create(kind=kind, shared=True, defaults=halves)
    return key
