"""What is wrong with a configuration itself, for whoever looks at the console."""

from datetime import datetime

from django.utils import timezone

from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import Destination


def note(destination: Destination, reason: str, *, sent_at: datetime) -> None:
    """Keep why a provider refused a configuration, unless it was changed after that push was sent."""
    rows = PushMessagingConfiguration.objects.filter(pk=destination.configuration.pk, updated_at__lte=sent_at)
    told = {"fault": reason[:500] or "refused", "fault_destination": destination.label}
    rows.exclude(**told).update(fault_at=timezone.now(), **told)


def clear(destination: Destination) -> None:
    """Forget a fault: a push to the same app and environment was taken."""
    if destination.configuration.fault:
        PushMessagingConfiguration.objects.filter(
            pk=destination.configuration.pk, fault_destination=destination.label
        ).update(fault="", fault_destination="", fault_at=None)
