"""Check for mobile authentication types that a standard advises against, or that lack a message."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.common.console.documents import troubleshooting
from apps.common.findings import Finding, Level, from_problem
from apps.transactions.problems import problems
from apps.transactions.types import LONG_LIFETIME_WARNING, RECOMMENDED_LIFETIME_SECONDS, MobileAuthenticationType


def check() -> Iterator[Finding]:
    types = list(MobileAuthenticationType.objects.all())
    for mobile_type in types:
        if mobile_type.time_to_live > RECOMMENDED_LIFETIME_SECONDS:
            yield _long_lifetime(mobile_type)
    yield from (from_problem(problem, Level.WARNING) for problem in problems(types))


def _long_lifetime(mobile_type: MobileAuthenticationType) -> Finding:
    about = _("mobile authentication type “%(name)s”") % {"name": mobile_type.name}
    remedy = _("Shorten its time to live of %(seconds)d seconds.") % {"seconds": mobile_type.time_to_live}
    url = reverse("admin:transactions_mobileauthenticationtype_change", args=[mobile_type.pk])
    documents = (troubleshooting("check-configuration"),)
    return Finding(Level.WARNING, about, str(LONG_LIFETIME_WARNING), remedy, documents, url)
