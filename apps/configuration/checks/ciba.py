"""Check of the clients of OpenID Connect CIBA: their settings, and the key sets and endpoints that they name by URL."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.applications.models import Api
from apps.callbacks import remedies
from apps.ciba.models import CibaClient
from apps.ciba.problems import ANCHOR, problems
from apps.common.console.documents import troubleshooting
from apps.common.findings import Finding, Level, from_problem
from apps.outgoing import addresses, key_sets
from apps.outgoing.key_sets import KeySetUnavailable


def check() -> Iterator[Finding]:
    yield from check_stored()
    for row in CibaClient.objects.select_related("client").order_by("client__name"):
        if Api.CIBA not in row.client.apis:
            continue
        if row.jwks_uri:
            yield _check_keys(row)
        if row.notification_endpoint:
            yield _check_endpoint(row)


def check_stored() -> Iterator[Finding]:
    yield from (from_problem(problem, Level.ERROR) for problem in problems())


def _check_keys(row: CibaClient) -> Finding:
    about = _("keys of the API client “%(name)s”") % {"name": row.client}
    try:
        count = len(key_sets.fetch(row.jwks_uri))
    except KeySetUnavailable as error:
        reason = remedies.translate_reason(error.reason)
        text = _("They cannot be fetched from their URL: %(reason)s.") % {"reason": reason}
        return _error(row, about, text, _("Correct the URL, or enter the keys on the page of the client."))
    return Finding(Level.OK, about, _("Usable keys at their URL: %(count)d.") % {"count": count})


def _check_endpoint(row: CibaClient) -> Finding:
    about = _("notification endpoint of the API client “%(name)s”") % {"name": row.client}
    try:
        addresses.resolve(row.notification_endpoint)
    except addresses.AddressRejected as error:
        text = _("Notifications fail: %(reason)s.") % {"reason": remedies.translate_reason(error.reason)}
        return _error(row, about, text, remedies.remedy_for(error.kind, None))
    return Finding(Level.OK, about, _("Its host name resolves to an allowed address."))


def _error(row: CibaClient, about: str, text: str, remedy: str) -> Finding:
    url = reverse("admin:applications_apiclient_change", args=[row.client_id])
    return Finding(Level.ERROR, about, text, remedy, (troubleshooting(ANCHOR),), url)
