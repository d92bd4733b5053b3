"""Sending a push."""

from apps.push.models import PushMessagingConfiguration
from apps.push.providers import fcm
from apps.push.providers.base import PushMessage, Result


def send(configuration: PushMessagingConfiguration, message: PushMessage) -> Result:
    """Hand a message to the configuration's provider and say what it answered. Blocks for at most 21 s."""
    return fcm.send(configuration, message)
