"""Check that the host of every callback endpoint resolves to an allowed address. No callback is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.utils.translation import gettext as _

from apps.callbacks import remedies
from apps.callbacks.errors import ErrorKind
from apps.callbacks.models import CallbackEndpoint
from apps.common.findings import Finding, Level
from apps.common.urls import is_http_url
from apps.configuration.paths import redact_key
from apps.outgoing import addresses

# Host names that are resolved at the same time. A slow name server delays each batch by three seconds.
BATCH_SIZE = 32


def check() -> Iterator[Finding]:
    urls = list(CallbackEndpoint.objects.order_by("url").values_list("url", flat=True))
    for first in range(0, len(urls), BATCH_SIZE):
        batch = urls[first : first + BATCH_SIZE]
        with ThreadPoolExecutor(BATCH_SIZE) as pool:
            rejections = list(pool.map(_rejection, batch))
        yield from (_finding(url, rejection) for url, rejection in zip(batch, rejections, strict=True))


def _rejection(url: str) -> tuple[str, ErrorKind | None] | None:
    """Return the reason and the kind of error that prevents callbacks to this URL, or None.

    It runs in a thread and must not use the database.
    """
    if not is_http_url(url):
        return "not an http or https address", None
    try:
        addresses.resolve(url)
    except addresses.AddressRejected as error:
        return error.reason, error.kind
    return None


def _finding(url: str, rejection: tuple[str, ErrorKind | None] | None) -> Finding:
    about = _("callback endpoint %(url)s") % {"url": redact_key(url)}
    if rejection:
        reason, kind = rejection
        text = _("Callbacks to this endpoint fail: %(reason)s.") % {"reason": reason}
        return Finding(Level.ERROR, about, text, remedies.remedy_for(kind, None))
    return Finding(Level.OK, about, _("Its host name resolves to an allowed address."))
