"""Check for mobile authentication types that a standard advises against."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.common.findings import Finding, Level
from apps.transactions.types import LONG_LIFETIME_WARNING, RECOMMENDED_LIFETIME_SECONDS, MobileAuthenticationType


def check() -> Iterator[Finding]:
    for mobile_type in MobileAuthenticationType.objects.filter(time_to_live__gt=RECOMMENDED_LIFETIME_SECONDS):
        about = _("mobile authentication type “%(name)s”") % {"name": mobile_type.name}
        remedy = _("Shorten its time to live of %(seconds)d seconds.") % {"seconds": mobile_type.time_to_live}
        yield Finding(Level.WARNING, about, str(LONG_LIFETIME_WARNING), remedy)
