"""What is wrong with a configuration itself, for whoever looks at the console."""

from datetime import datetime

from django.utils import timezone

from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import Destination


def record(destination: Destination, reason: str, *, sent_at: datetime) -> None:
    """Keep why a provider refused a configuration, unless it was changed after that push was sent."""
    rows = PushMessagingConfiguration.objects.filter(pk=destination.configuration.pk, updated_at__lte=sent_at)
    values = {"delivery_error": reason[:500] or "refused", "delivery_error_destination": destination.label}
    rows.exclude(**values).update(delivery_error_at=timezone.now(), **values)


def clear(destination: Destination) -> None:
    """Forget a fault: a push to the same app and environment was taken."""
    if destination.configuration.delivery_error:
        PushMessagingConfiguration.objects.filter(
            pk=destination.configuration.pk, delivery_error_destination=destination.label
        ).update(delivery_error="", delivery_error_destination="", delivery_error_at=None)
