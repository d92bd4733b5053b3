"""Reading the one-row configuration. Each row is cached in the process for a second."""

from django.conf import settings

from apps.outgoing.http import Proxy
from apps.system.models import ApnsProxy, Features, GeneralConfiguration


def features() -> Features:
    return Features.get_solo()


def general() -> GeneralConfiguration:
    return GeneralConfiguration.get_solo()


def external_proxy() -> Proxy | None:
    """Return the outgoing proxy for services on the internet that are not APNs; None when there is none."""
    external: Proxy | None = settings.EXTERNAL_PROXY
    return external


def apns_proxy() -> Proxy | None:
    """Return the outgoing proxy for APNs; None when it is switched off. CannotDecrypt when its password is lost."""
    row = ApnsProxy.get_solo()
    if not row.enabled:
        return None
    return Proxy(f"http://{row.host}:{row.port}", row.username, row.password, preemptive=True)
