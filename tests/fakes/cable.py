"""A cable between the product and a server, which a test can pull out and put back."""

import contextlib
import socket
import threading

from tests.ports import free_port


class Cable:
    """Forwards TCP from `port` to a server: `(family, address)` of its socket.

    `cut` breaks every connection and refuses new ones; `freeze` keeps them open and moves nothing, as a host does that
    hangs; `mend` ends both.
    """

    def __init__(self, family, address):
        self._target = (family, address)
        self._ends = set()
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = None
        self.port = free_port()
        self.mend()

    def mend(self):
        self._flowing.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def freeze(self):
        self._flowing.clear()

    def cut(self):
        if self._listener is not None:
            # Closing alone does not wake a thread that waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for end in self._ends:
                _break(end)
            self._ends.clear()

    def _accept(self, listener):
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            far = socket.socket(self._target[0])
            far.connect(self._target[1])
            with self._lock:
                self._ends |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source, sink):
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        finally:
            _break(sink)
            with self._lock:
                self._ends -= {source, sink}


def _break(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
