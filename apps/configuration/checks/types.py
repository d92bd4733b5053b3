"""Mobile authentication types that are allowed, and that a standard advises against."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.common.findings import Finding, Level
from apps.transactions.types import LONG_LIFE_SECONDS, MobileAuthenticationType


def check() -> Iterator[Finding]:
    for mobile_type in MobileAuthenticationType.objects.filter(time_to_live__gt=LONG_LIFE_SECONDS):
        about = _("mobile authentication type “%(name)s”") % {"name": mobile_type.name}
        text = _(
            "A life above 600 seconds is longer than NIST SP 800-63B-4 allows for out-of-band authentication: the "
            "longer a question waits, the longer it can be answered by mistake."
        )
        remedy = _("Shorten its time to live, which is %(seconds)d seconds.") % {"seconds": mobile_type.time_to_live}
        yield Finding(Level.WARNING, about, text, remedy)
