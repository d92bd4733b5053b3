"""Web processes that are forked instead of spawned, so that they share the memory of the imported code."""

import gc
import multiprocessing
import signal
from importlib import import_module
from socket import socket

from uvicorn import Config
from uvicorn.supervisors import multiprocess

BLOCKED = {signal.SIGTERM, signal.SIGINT}


class ForkedProcess(multiprocess.Process):
    """Web process that is a fork of the supervisor."""

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self.target, args=(sockets,))  # type: ignore[assignment]

    def start(self) -> None:
        # The fork has the signal handlers of the supervisor until `prepare_worker`. It gets earlier signals then.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class Supervisor(multiprocess.Multiprocess):
    """Supervisor that stops listening together with its web processes.

    Otherwise, the system accepts connections that are reset when the supervisor ends.
    """

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def run(config: Config, listener: socket) -> None:
    """Import the application, then run `config.workers` forks of this process until a signal."""
    for module in ("config.server.application", "uvloop"):
        import_module(module)
    # The collector writes to the objects that it looks at, which would copy the shared memory.
    gc.collect()
    gc.freeze()
    # uvicorn has no option for it, and its minor release is pinned.
    multiprocess.Process = ForkedProcess  # type: ignore[misc]
    Supervisor(config, [listener]).run()
