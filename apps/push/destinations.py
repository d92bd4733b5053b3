"""Destination of pushes, which applications name without the providers and their libraries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.push.models import ApnsEnvironment, Kind, PushMessagingConfiguration


@dataclass(frozen=True)
class Destination:
    """Destination of the pushes to the devices of one application version."""

    configuration: PushMessagingConfiguration
    apns_environment: str = ApnsEnvironment.PRODUCTION
    bundle_identifier: str = ""
    cordova: bool = False
    # Further members of `aps` in pushes of APNs.
    notification_settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> str:
        """APNs environment: of the configuration with a certificate, otherwise of the version; empty for FCM."""
        kind = self.configuration.kind
        if kind == Kind.APNS_CERTIFICATE:
            return self.configuration.apns_environment
        return self.apns_environment if kind == Kind.APNS_TOKEN else ""

    @property
    def concurrency_key(self) -> str:
        """Key of the in-flight limit: one configuration in one environment."""
        return f"{self.configuration.name} {self.environment}".strip()

    @property
    def label(self) -> str:
        """App and environment, which a delivery error names in addition to the configuration."""
        return f"{self.bundle_identifier} {self.environment}".strip()
