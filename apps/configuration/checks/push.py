"""Check every push messaging configuration with the versions that use it, and the proxy for APNs."""

from collections.abc import Iterator

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from apps.applications.models import ApplicationVersion, VersionStatus
from apps.common.encryption import CannotDecrypt
from apps.common.findings import Finding, Level
from apps.push.models import PushMessagingConfiguration
from apps.push.remedies import remedy_of
from apps.push.verification import verify
from apps.system import services as system


def check() -> Iterator[Finding]:
    yield from _check_proxy()
    in_use = ApplicationVersion.objects.exclude(status=VersionStatus.DISABLED)
    for configuration in PushMessagingConfiguration.objects.prefetch_related(Prefetch("versions", queryset=in_use)):
        destinations = [version.destination() for version in configuration.versions.all()]
        yield from verify(configuration, [destination for destination in destinations if destination])


def _check_proxy() -> Iterator[Finding]:
    """Report a proxy password that cannot be decrypted. The checks of the configurations test the proxy itself."""
    try:
        system.apns_proxy()
    except CannotDecrypt as error:
        text = _("Its password cannot be used: %(reason)s.") % {"reason": error}
        yield Finding(Level.ERROR, _("proxy for APNs"), text, remedy_of(str(error)))
