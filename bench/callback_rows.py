"""Create callbacks for the worker from JSON on standard input, in the environment of the installation.

`python -m bench.callback_rows fill` reads `{"batches": {NAME: {"urls": [...], "count": N}}}` and writes rows that
become due later. `pace` reads `{"phases": {NAME: {"urls": [...], "seconds": N}}, "per_second"}` and enqueues
callbacks at an even pace, one phase after the other.
"""

import json
import sys
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.db import transaction  # noqa: E402 - models are ready only now
from django.utils import timezone  # noqa: E402

from apps.callbacks import services, signatures  # noqa: E402
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint  # noqa: E402
from apps.common.urls import origin  # noqa: E402

LATER = timedelta(hours=1)


def endpoints(urls: list[str]) -> None:
    """Create a callback endpoint with credentials and a signing secret for each URL."""
    for url in urls:
        row = CallbackEndpoint(url=url, username="portal", password="password-of-the-portal")
        row.signing_secrets = signatures.generate_secret()
        row.save()


def fill(batches: dict[str, dict[str, Any]]) -> None:
    endpoints(sorted({url for batch in batches.values() for url in batch["urls"]}))
    due_at = timezone.now() + LATER
    CallbackDelivery.objects.bulk_create(
        (
            CallbackDelivery(
                transaction_id=uuid4(),
                user_id="user",
                client_id=name,
                url=url,
                concurrency_key=origin(url),
                due_at=due_at,
            )
            for name, batch in batches.items()
            for url in (batch["urls"] * batch["count"])[: batch["count"]]
        ),
        batch_size=1000,
    )


def pace(phases: dict[str, dict[str, Any]], per_second: float) -> None:
    for name, phase in phases.items():
        began = time.monotonic()
        for number in range(int(phase["seconds"] * per_second)):
            time.sleep(max(began + number / per_second - time.monotonic(), 0))
            url = phase["urls"][number % len(phase["urls"])]
            with transaction.atomic():
                services.enqueue(url, transaction_id=uuid4(), user_id="user", client_id=name)
    # A thread of this process publishes the last notification.
    time.sleep(0.1)


if __name__ == "__main__":
    {"fill": fill, "pace": pace}[sys.argv[1]](**json.loads(sys.stdin.read()))
