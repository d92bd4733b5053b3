"""Limits of the open connections of a process: their number, their number per address, and their memory.

A connection runs while a thread processes its request. Otherwise it waits: for a request, for the rest of a request, or
for the client to read the response. At a limit, the connection that has waited longest is closed. Clients that send
complete requests are therefore served despite many idle or slow connections.
"""

import time
from typing import Protocol

import structlog

from apps.common import caller

logger = structlog.get_logger(__name__)
WARNING_INTERVAL_SECONDS = 60


class Connection(Protocol):
    """Connection that the table can close."""

    address: str

    def abort(self) -> None: ...


class ConnectionTable:
    """Open connections of a process. Addresses in the networks `proxies` have no limit per address."""

    def __init__(self, *, limit: int, limit_per_address: int, max_held_bytes: int, proxies: list[str]) -> None:
        self.limit, self.limit_per_address, self.max_held_bytes = limit, limit_per_address, max_held_bytes
        self._proxies = proxies
        self._open: dict[Connection, str] = {}
        self._per_client: dict[str, int] = {}
        # Dictionaries keep the order of insertion: the first entry has waited longest.
        self._waiting: dict[Connection, None] = {}
        self._waiting_per_client: dict[str, dict[Connection, None]] = {}
        self._held: dict[Connection, int] = {}
        self._held_bytes = 0
        self._warned_at = float("-inf")

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Add a new connection, which waits for a request. At a limit, close the connection that has waited longest."""
        client = self._client(connection.address)
        self._open[connection] = client
        self._per_client[client] = self._per_client.get(client, 0) + 1
        self.wait(connection)
        if client and self._per_client[client] > self.limit_per_address:
            self._evict(self._waiting_per_client[client], "address")
        elif len(self._open) > self.limit:
            self._evict(self._waiting, "process")

    def wait(self, connection: Connection) -> None:
        """Mark a connection as waiting for its client."""
        if connection in self._open:
            self._waiting[connection] = None
            self._waiting_per_client.setdefault(self._open[connection], {})[connection] = None

    def run(self, connection: Connection) -> None:
        """Mark a connection as running: a thread processes its request."""
        if self._waiting.pop(connection, self) is not self:
            client = self._open[connection]
            del self._waiting_per_client[client][connection]
            if not self._waiting_per_client[client]:
                del self._waiting_per_client[client]

    def hold(self, connection: Connection, size: int) -> None:
        """Add bytes that a connection holds in memory. Above the limit, close connections that have waited longest."""
        if connection not in self._open:
            return
        self._held[connection] = self._held.get(connection, 0) + size
        self._held_bytes += size
        while self._held_bytes > self.max_held_bytes and self._waiting:
            self._evict(self._waiting, "memory")

    def release(self, connection: Connection) -> None:
        """Reset the bytes that a connection holds in memory to zero."""
        self._held_bytes -= self._held.pop(connection, 0)

    def remove(self, connection: Connection) -> None:
        """Remove a closed connection. Does nothing if it is not in the table."""
        if connection not in self._open:
            return
        self.run(connection)
        self.release(connection)
        client = self._open.pop(connection)
        self._per_client[client] -= 1
        if not self._per_client[client]:
            del self._per_client[client]

    def _evict(self, waiting: dict[Connection, None], limit: str) -> None:
        connection = next(iter(waiting))
        self.remove(connection)
        connection.abort()
        if time.monotonic() - self._warned_at > WARNING_INTERVAL_SECONDS:
            self._warned_at = time.monotonic()
            logger.warning("connection_limit_reached", limit=limit, connections=len(self), client_ip=connection.address)

    def _client(self, address: str) -> str:
        """Return the network to which the limit per address applies, or an empty string for a trusted proxy."""
        return "" if caller.is_in_networks(address, self._proxies) else caller.client_network(address)
