"""Availability of the broker."""

import socket
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

# A probe of Kubernetes times out after one second by default.
PROBE_TIMEOUT_SECONDS = 0.5


def is_reachable() -> bool:
    """Return True if the broker is available or none is configured.

    Redis must answer a PING; other brokers must accept a connection.
    """
    if not settings.BROKER_URL:
        return True
    from kombu.utils.url import url_to_parts  # noqa: PLC0415 - 14 ms, only with a broker

    parts = url_to_parts(settings.BROKER_URL)
    if parts.scheme in ("redis", "rediss"):
        return _is_redis_reachable()
    if not parts.hostname:
        return True
    try:
        socket.create_connection((parts.hostname, parts.port or 6379), timeout=1).close()
    except OSError:
        return False
    return bool(urlsplit(settings.BROKER_URL).scheme)


def is_reachable_within(seconds: float = PROBE_TIMEOUT_SECONDS) -> bool:
    """Return True if the broker is available within this time. The host lookup of an unavailable broker can block."""
    result = SimpleQueue[bool]()
    Thread(target=lambda: result.put(is_reachable()), name="broker check", daemon=True).start()
    try:
        return result.get(timeout=seconds)
    except Empty:
        return False


def configuration_error() -> str:
    """Return why the broker can never be used with this BROKER_URL, or an empty string.

    An unavailable broker is not an error of the configuration: deliveries continue without it.
    """
    if not settings.BROKER_URL:
        return ""
    from kombu.transport import resolve_transport  # noqa: PLC0415 - 14 ms, only with a broker

    scheme = urlsplit(settings.BROKER_URL).scheme.partition("+")[0]
    try:
        resolve_transport(scheme)
    except ImportError as error:
        return _("BROKER_URL requires the Python package %(name)s. Install it.") % {"name": error.name}
    if scheme not in ("redis", "rediss"):
        return ""
    return _redis_rejection()


def _redis_rejection() -> str:
    """Return why Redis rejects BROKER_URL, or an empty string if it accepts it or is unavailable."""
    from redis import AuthenticationError, RedisError  # noqa: PLC0415 - 0.1 s and 9 MB, only with Redis

    try:
        _ping_redis()
    except AuthenticationError:
        return _(
            "Redis rejected the user name or the password of BROKER_URL. Correct BROKER_URL, and percent-encode "
            "special characters in it."
        )
    except (RedisError, OSError) as error:
        if "DB index" in str(error):
            return _("Redis has no database with the number of BROKER_URL. Use a lower one: redis://host:6379/0.")
    return ""


def _is_redis_reachable() -> bool:
    """Return True if Redis answers a PING. It can reject it while it loads its data or if the password is wrong."""
    from redis import RedisError  # noqa: PLC0415 - as above

    try:
        return _ping_redis()
    except (RedisError, OSError):
        return False


def _ping_redis() -> bool:
    from redis import Redis  # noqa: PLC0415 - as above

    client = Redis.from_url(settings.BROKER_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    finally:
        client.close()
