"""Free ports for servers that tests start as processes."""

import contextlib
import random
import socket

# Below the ephemeral ports, so that no outgoing connection takes the port before the server listens.
FIRST, LAST = 10_000, 32_000


def free_port():
    """Return a port that is not in use."""
    while True:
        port = random.randrange(FIRST, LAST)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
