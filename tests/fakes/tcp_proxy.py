"""TCP proxy between Countersign and a server, whose connections a test interrupts and restores."""

import contextlib
import socket
import threading

from tests.ports import free_port


class TcpProxy:
    """Forwards TCP from `port` to a server: `(family, address)` of its socket.

    `disconnect` closes all connections and rejects new ones; `stall` keeps them open without forwarding data, like a
    host that does not respond; `restore` ends both.
    """

    def __init__(self, family, address):
        self._target = (family, address)
        # All bytes of both directions.
        self.forwarded = bytearray()
        self._sockets = set()
        self._lock = threading.Lock()
        self._forwarding = threading.Event()
        self._forwarding.set()
        self._listener = None
        self.port = free_port()
        self.restore()

    def restore(self):
        self._forwarding.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stall(self):
        self._forwarding.clear()

    def disconnect(self):
        if self._listener is not None:
            # Closing alone does not wake a thread that waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for connection in self._sockets:
                _shut_down(connection)
            self._sockets.clear()

    def _accept(self, listener):
        while True:
            try:
                downstream, _address = listener.accept()
            except OSError:
                return
            upstream = socket.socket(self._target[0])
            upstream.connect(self._target[1])
            with self._lock:
                self._sockets |= {downstream, upstream}
            for source, target in ((downstream, upstream), (upstream, downstream)):
                threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source, target):
        try:
            while data := source.recv(65536):
                self._forwarding.wait()
                self.forwarded += data
                target.sendall(data)
        except OSError:
            pass
        finally:
            _shut_down(target)
            with self._lock:
                self._sockets -= {source, target}


def _shut_down(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
