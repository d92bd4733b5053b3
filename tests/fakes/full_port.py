"""A port whose queue of new connections is full: whoever connects waits, and nothing that is sent leaves."""

import errno
import select
import socket

import psutil

from tests.ports import free_port


class FullPort:
    """Stays full until it is closed; then somebody else can listen on `port`."""

    def __init__(self):
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0)
        self._sockets = [self._listener]
        while self._connects():
            pass

    def _connects(self):
        """Say whether another connection still found room."""
        filler = socket.socket()
        filler.settimeout(0)
        self._sockets.append(filler)
        assert filler.connect_ex(("127.0.0.1", self.port)) == errno.EINPROGRESS
        return bool(select.select([], [filler], [], 0.1)[1])

    def callers(self):
        """Count those who are waiting to get in, ourselves left out."""
        ours = {one.getsockname()[1] for one in self._sockets}
        return sum(
            one.status == psutil.CONN_SYN_SENT and one.raddr.port == self.port and one.laddr.port not in ours
            for one in psutil.net_connections("tcp4")
        )

    def close(self):
        for one in self._sockets:
            one.close()
