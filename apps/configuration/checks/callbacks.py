"""Check that the host of every callback endpoint resolves to an allowed address. No callback is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.utils.translation import gettext as _

from apps.callbacks import addresses, remedies
from apps.callbacks.models import CallbackEndpoint
from apps.common.findings import Finding, Level
from apps.common.urls import is_http_url
from apps.configuration.paths import redact_key

# Host names that are resolved at the same time. A slow name server delays each batch by three seconds.
BATCH_SIZE = 32


def check() -> Iterator[Finding]:
    urls = list(CallbackEndpoint.objects.order_by("url").values_list("url", flat=True))
    for first in range(0, len(urls), BATCH_SIZE):
        batch = urls[first : first + BATCH_SIZE]
        with ThreadPoolExecutor(BATCH_SIZE) as pool:
            reasons = list(pool.map(_rejection_reason, batch))
        yield from (_finding(url, reason) for url, reason in zip(batch, reasons, strict=True))


def _rejection_reason(url: str) -> str:
    """Return why a callback to the URL would be rejected, or an empty string.

    It runs in a thread and must not use the database.
    """
    if not is_http_url(url):
        return "not an http or https address"
    try:
        addresses.resolve(url)
    except addresses.AddressRejected as error:
        return str(error)
    return ""


def _finding(url: str, reason: str) -> Finding:
    about = _("callback endpoint %(url)s") % {"url": redact_key(url)}
    if reason:
        text = _("Callbacks to this endpoint fail: %(reason)s.") % {"reason": reason}
        return Finding(Level.ERROR, about, text, remedies.remedy_for(reason))
    return Finding(Level.OK, about, _("Its host name resolves to an allowed address."))
