"""Fake push service of browsers in a separate process, which reports each push as `bench.fakes` does.

Runs as `python -m bench.web_push`: prints its description as JSON, then a line for each arrival.
"""

import json
import sys
import time
import uuid
from typing import Any

from tests.fakes.web_push import WebPushService


class ReportingService(WebPushService):  # type: ignore[misc]
    """Fake that reports the transaction of each push, which its topic names. Messages are not decrypted."""

    def finish(self, record: dict[str, Any], status: int) -> None:
        super().finish(record, status)
        transaction_id = uuid.UUID(record["headers"]["topic"])
        sys.stdout.write(f"push {transaction_id} {time.monotonic():.6f} 0 -\n")
        sys.stdout.flush()

    def body(self, request: Any) -> str:
        return "encrypted"


if __name__ == "__main__":
    with ReportingService() as service:
        service.records_requests = False
        print(json.dumps(service.describe()), flush=True)
        sys.stdin.read()
