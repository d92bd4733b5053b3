"""Is the broker there?"""

import socket
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

from django.conf import settings
from kombu.utils.url import url_to_parts
from redis import Redis
from redis.exceptions import RedisError

# Kubernetes gives a probe one second.
PROBE_SECONDS = 0.5


def is_reachable() -> bool:
    """Say whether the broker answers, or of another kind than Redis: listens. Without a broker there is none away."""
    if not settings.BROKER_URL:
        return True
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


def is_reachable_within(seconds: float = PROBE_SECONDS) -> bool:
    """Return True if the broker answers within this time. The look-up of its host can hang while it is unavailable."""
    result = SimpleQueue[bool]()
    Thread(target=lambda: result.put(is_reachable()), name="broker check", daemon=True).start()
    try:
        return result.get(timeout=seconds)
    except Empty:
        return False


def _is_redis_reachable() -> bool:
    """A server that listens can still refuse: it loads its data, or wants another password."""
    client = Redis.from_url(settings.BROKER_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
