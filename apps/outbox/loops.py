"""Threads that call a function repeatedly until they are stopped."""

import threading
from collections.abc import Callable

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

log = structlog.get_logger(__name__)

# Pause of a thread after an error, mostly of the database.
ERROR_BACKOFF_SECONDS = 1.0


class LoopThread:
    """Thread that calls `step` repeatedly. Each call returns the pause in seconds before the next call.

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
        """Request the end of the thread after the current step."""
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
            except Exception as error:  # noqa: BLE001 - logged; the thread continues
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
    """Log an error with its traceback, or only the first line of a database error: others can quote statements."""
    if isinstance(error, DatabaseError):
        reason = str(error).partition("\n")[0][:200]
        log.error(event, error=type(error).__name__, reason=reason, **details)
    else:
        log.error(event, exc_info=error, error=type(error).__name__, **details)
