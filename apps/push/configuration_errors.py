"""Storage of the errors of push messaging configurations. The console shows them."""

from datetime import datetime

from django.utils import timezone

from apps.push.destinations import Destination
from apps.push.models import PushMessagingConfiguration


def record(destination: Destination, reason: str, *, sent_at: datetime) -> None:
    """Store the reason why a provider rejected a configuration, unless the configuration changed after `sent_at`."""
    rows = PushMessagingConfiguration.objects.filter(pk=destination.configuration.pk, updated_at__lte=sent_at)
    values = {"delivery_error": reason[:500] or "refused", "delivery_error_destination": destination.label}
    rows.exclude(**values).update(delivery_error_at=timezone.now(), **values)


def clear(destination: Destination) -> None:
    """Clear the stored error after an accepted push to the same app and environment."""
    if destination.configuration.delivery_error:
        PushMessagingConfiguration.objects.filter(
            pk=destination.configuration.pk, delivery_error_destination=destination.label
        ).update(delivery_error="", delivery_error_destination="", delivery_error_at=None)
