"""Access to the configuration of one row each, which is cached in the process for a second."""

from django.conf import settings

from apps.outgoing.proxy import Proxy
from apps.system.models import ApnsProxy, Features, GeneralConfiguration


def features() -> Features:
    return Features.get_solo()


def general() -> GeneralConfiguration:
    return GeneralConfiguration.get_solo()


def external_proxy() -> Proxy | None:
    """Return the outgoing proxy for external services except APNs, or None if no proxy is configured."""
    proxy: Proxy | None = settings.EXTERNAL_PROXY
    return proxy


def apns_proxy() -> Proxy | None:
    """Return the outgoing proxy for APNs, or None if it is disabled.

    Raises CannotDecrypt if its password cannot be decrypted.
    """
    row = ApnsProxy.get_solo()
    if not row.enabled:
        return None
    return Proxy(f"http://{row.host}:{row.port}", row.username, row.password, preemptive=True)
