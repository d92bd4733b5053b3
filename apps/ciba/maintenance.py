"""Hourly housekeeping: rotation of the signing keys, and deletion of expired assertions."""

from django.utils import timezone

from apps.ciba import keys
from apps.ciba.models import UsedAssertion


def run() -> None:
    """Rotate an old signing key, and delete the assertions that can no longer be used."""
    keys.rotate_by_age()
    UsedAssertion.objects.filter(expires_at__lte=timezone.now()).delete()
