"""Port whose accept queue is full: new connections are not established, and no request reaches a server."""

import errno
import select
import socket

import psutil

from tests.ports import free_port


class SaturatedPort:
    """The port stays full until `close`; another server can then listen on `port`."""

    def __init__(self):
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
        self._sockets = [self._listener]
        while self._fill():
            pass

    def _fill(self):
        """Connect once more. Return True if the queue had room."""
        filler = socket.socket()
        filler.settimeout(0)
        self._sockets.append(filler)
        assert filler.connect_ex(("127.0.0.1", self.port)) == errno.EINPROGRESS
        return bool(select.select([], [filler], [], 0.1)[1])

    def count_waiting_clients(self):
        """Count the connections of others that are not established yet."""
        own_ports = {opened.getsockname()[1] for opened in self._sockets}
        return sum(
            connection.status == psutil.CONN_SYN_SENT
            and connection.raddr.port == self.port
            and connection.laddr.port not in own_ports
            for connection in psutil.net_connections("tcp4")
        )

    def close(self):
        for opened in self._sockets:
            opened.close()
