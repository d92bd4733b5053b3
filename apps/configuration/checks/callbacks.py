"""Every callback endpoint: whether its host leads to an address that a callback may go to. Nobody is called."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.utils.translation import gettext as _

from apps.callbacks import addresses, remedies
from apps.callbacks.models import CallbackEndpoint
from apps.common.findings import Finding, Level
from apps.common.urls import is_http_url
from apps.configuration.paths import shown

# A name server that is slow holds up so many of them together, for three seconds.
AT_ONCE = 32


def check() -> Iterator[Finding]:
    urls = list(CallbackEndpoint.objects.order_by("url").values_list("url", flat=True))
    for first in range(0, len(urls), AT_ONCE):
        batch = urls[first : first + AT_ONCE]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            refusals = list(pool.map(_refusal, batch))
        yield from (_finding(url, refusal) for url, refusal in zip(batch, refusals, strict=True))


def _refusal(url: str) -> str:
    """Return why a callback cannot go there; empty when it can. Touches no database: it runs on a thread of its own."""
    if not is_http_url(url):
        return "not an http or https address"
    try:
        addresses.resolve(url)
    except addresses.Refused as error:
        return str(error)
    return ""


def _finding(url: str, refusal: str) -> Finding:
    about = _("callback endpoint %(url)s") % {"url": shown(url)}
    if refusal:
        text = _("No callback can go there: %(reason)s.") % {"reason": refusal}
        return Finding(Level.ERROR, about, text, remedies.remedy_of(refusal))
    return Finding(Level.OK, about, _("The name of its host leads to where callbacks may go."))
