"""Ports for servers that a test starts as programs."""

import contextlib
import random
import socket

# Below the ports that systems give to outgoing connections, one of which could take what was free a second before.
FIRST, LAST = 10_000, 32_000


def free_port():
    """Return a port that nobody uses now."""
    while True:
        port = random.randrange(FIRST, LAST)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
