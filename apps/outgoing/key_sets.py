"""JWK Sets of other parties by their URL (RFC 7517), fetched as callbacks are sent and cached in the process."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from apps.common.jose import public_keys
from apps.common.jose.public_keys import InvalidKeySet, PublicKey
from apps.outgoing import checked, http

LIFETIME_SECONDS = 600
# A set is fetched at most once in this time, also for a token with an unknown key: a caller cannot cause more requests.
MIN_INTERVAL_SECONDS = 30
# A set that cannot be fetched again is used for this long.
MAX_AGE_SECONDS = 24 * 3600
MAX_ENTRIES = 1_000
CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS = 3.0, 5.0
# Time for which a request waits for another one that fetches the set, so that a slow server occupies few threads.
WAIT_SECONDS = 1.0

now = time.monotonic
log = structlog.get_logger(__name__)


class KeySetUnavailable(Exception):
    """Key set that cannot be fetched or has no usable key. The reason is stored in English."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: Sequence[PublicKey] = ()
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    reason: str = ""


_entries: dict[str, _Entry] = {}


def load(url: str, *, refresh: bool = False) -> Sequence[PublicKey]:
    """Return the keys of a URL. With `refresh`, they are fetched again, unless that was done a moment ago.

    Raises KeySetUnavailable if there are none. Takes at most 8 s, and at most 1 s while another thread fetches the set.
    """
    if url not in _entries and len(_entries) >= MAX_ENTRIES:
        _entries.clear()
    entry = _entries.setdefault(url, _Entry())
    is_current = now() - entry.fetched_at < LIFETIME_SECONDS and not refresh
    if not is_current and entry.lock.acquire(timeout=WAIT_SECONDS if refresh or not entry.keys else 0):
        try:
            if now() - entry.tried_at >= MIN_INTERVAL_SECONDS:
                _update(url, entry)
        finally:
            entry.lock.release()
    if not entry.keys or now() - entry.fetched_at > MAX_AGE_SECONDS:
        raise KeySetUnavailable(entry.reason or "the key set is not available yet")
    return entry.keys


def _update(url: str, entry: _Entry) -> None:
    entry.tried_at = now()
    try:
        entry.keys, entry.reason = fetch(url), ""
    except KeySetUnavailable as error:
        entry.reason = error.reason
        log.warning("key_set_unavailable", reason=error.reason)
    else:
        entry.fetched_at = now()


def fetch(url: str) -> Sequence[PublicKey]:
    """Fetch a JWK Set, without the cache. Raises KeySetUnavailable. Redirects are not followed."""
    headers = {"Accept": "application/jwk-set+json, application/json"}
    timeouts = (CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS)
    request = http.Request("GET", url, headers, b"", *timeouts, public_only=True, pool="key-sets")
    [[(_item, response)]] = checked.send_all([(None, request)])
    if isinstance(response, http.NoResponse):
        raise KeySetUnavailable(response.reason)
    if response.status != 200:
        raise KeySetUnavailable(f"HTTP {response.status}")
    try:
        return public_keys.parse_text(response.body.decode())
    except InvalidKeySet as error:
        raise KeySetUnavailable(str(error)) from None
    except UnicodeDecodeError:
        raise KeySetUnavailable("the key set is not UTF-8") from None


def clear() -> None:
    """Forget all key sets."""
    _entries.clear()
