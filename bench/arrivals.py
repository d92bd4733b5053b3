"""Arrivals of pushes, SMS and callbacks at the fakes."""

import threading
from collections import Counter
from concurrent.futures import Future, InvalidStateError
from typing import IO, NamedTuple

WAIT_SECONDS = 15.0


class Arrival(NamedTuple):
    """Arrival in monotonic seconds. `code` is the verification code of an SMS."""

    at: float
    code: str


class Arrivals:
    """Arrivals by kind (push, sms, callback) and key: the transaction id, or the phone number of an SMS."""

    def __init__(self) -> None:
        self._futures: dict[tuple[str, str], Future[Arrival]] = {}
        self.counts: Counter[str] = Counter()
        self.last_at: dict[str, float] = {}
        self.most_in_flight = 0

    def read(self, lines: IO[str]) -> None:
        """Read the lines of the fakes in a thread."""
        threading.Thread(target=self._read, args=(lines,), name="arrivals", daemon=True).start()

    def wait(self, kind: str, key: str) -> Arrival:
        """Wait for an arrival. Raises TimeoutError if it does not arrive."""
        try:
            return self._future(kind, key).result(WAIT_SECONDS)
        finally:
            self._futures.pop((kind, key), None)

    def _future(self, kind: str, key: str) -> "Future[Arrival]":
        return self._futures.setdefault((kind, key), Future())

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            kind, key, arrived_at, in_flight, code = line.split()
            self.counts[kind] += 1
            self.last_at[kind] = float(arrived_at)
            self.most_in_flight = max(self.most_in_flight, int(in_flight))
            try:
                self._future(kind, key).set_result(Arrival(float(arrived_at), code))
            except InvalidStateError:
                continue  # delivered twice
