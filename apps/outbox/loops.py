"""Threads that call a function again and again, until stopped."""

import threading
from collections.abc import Callable

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

log = structlog.get_logger(__name__)

# After an error (of the database, mostly) a thread waits this long before it goes on.
ERROR_BACKOFF_SECONDS = 1.0


class LoopThread:
    """Thread that calls `step` again and again, each time after the seconds that the last call returned.

    An exception delays the next call but does not end the thread. The first error and the recovery are logged.
    """

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        self._name = name
        self._step = step
        self._wakeup = threading.Event()
        self._stopping = False
        self._error = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wakeup.set()

    def halt(self) -> None:
        """Ask it to end after the step that it is in."""
        self._stopping = True
        self.wake()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wakeup.clear()
            if self._stopping:
                break
            try:
                pause = self._step()
                self._log_recovery()
            except Exception as error:  # noqa: BLE001 - reported, and the thread goes on
                if self._is_new(error):
                    log_error("worker_error", error, thread=self._name)
                connection.close()
                pause = ERROR_BACKOFF_SECONDS
            self._wakeup.wait(pause)
        connection.close()

    def _is_new(self, error: Exception) -> bool:
        last, self._error = self._error, type(error).__name__
        return last != self._error

    def _log_recovery(self) -> None:
        if self._error:
            log.info("worker_recovered", thread=self._name)
        self._error = ""


class Periodic(LoopThread):
    """Thread that calls a function at intervals."""

    def __init__(self, function: Callable[[], object], seconds: float) -> None:
        super().__init__(function.__name__, self._call)
        self._function = function
        self._seconds = seconds

    def _call(self) -> float:
        self._function()
        close_old_connections()
        return self._seconds


def log_error(event: str, error: Exception, **details: str) -> None:
    """Log an error: of the database its first line (the rest may quote a statement), of anything else the traceback."""
    if isinstance(error, DatabaseError):
        reason = str(error).partition("\n")[0][:200]
        log.error(event, error=type(error).__name__, reason=reason, **details)
    else:
        log.error(event, exc_info=error, error=type(error).__name__, **details)
