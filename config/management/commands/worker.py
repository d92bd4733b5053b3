"""Run a Celery worker, or the embedded worker if no broker is configured."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common import database_errors
from apps.common.commands import TranslatedCommand
from apps.outbox import broker
from apps.outbox.loops import ERROR_BACKOFF_SECONDS, log_error
from apps.system import keys
from config import worker


class Command(TranslatedCommand):
    help = gettext_lazy(
        "Deliver pushes, text messages and callbacks until stopped. Deliveries in flight are finished first."
    )
    # The other checks import the views and the console: 30 MB that a worker does not use. `serve` runs them.
    requires_system_checks = [Tags.compatibility]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue",
            action="append",
            choices=sorted(worker.QUEUES),
            help=_("deliver only this queue (may be repeated; default: all)"),
        )

    def verify_requirements(self, options: Mapping[str, Any]) -> None:
        """Verify the encryption keys as soon as the database is available: a worker waits for it.

        Raises CommandError if waiting does not help, for example after a wrong password.
        """
        is_reported = False
        while True:
            try:
                return keys.verify()
            except DatabaseError as error:
                explanation = database_errors.explain(error)
                if explanation.is_permanent:
                    raise CommandError(explanation.text) from None
                if not is_reported:
                    log_error("worker_error", error, thread="keys")
                is_reported = True
                time.sleep(ERROR_BACKOFF_SECONDS)
            finally:
                connection.close()

    def handle(self, *args: Any, **options: Any) -> None:
        queues = set(options["queue"] or worker.QUEUES)
        # Logs and stored texts are not in the language of this terminal.
        translation.deactivate()
        run = self.run_celery if settings.BROKER_URL else self.run_embedded
        run(queues)

    def run_celery(self, queues: set[str]) -> None:
        if error := broker.configuration_error():
            raise CommandError(error)
        from celery.apps import worker as celery_program  # noqa: PLC0415 - 0.1 s and 15 MB, only with a broker

        from config.celery import app  # noqa: PLC0415 - as above

        # It writes a line to standard error that is not JSON, at a signal.
        celery_program.safe_say = lambda *_arguments: None  # type: ignore[attr-defined]
        # Celery would run all checks, as above.
        os.environ["CELERY_SKIP_CHECKS"] = "1"
        # Not its command line, which imports 8 MB of other commands. A notification only sets an event.
        celery_worker = app.Worker(
            pool_cls="solo",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel=settings.LOG_LEVEL,
            queues=",".join(sorted(queues)),
            quiet=True,
        )
        # Its exit code is not used: it is 1 also after SIGINT, which is a normal end.
        celery_worker.start()

    def run_embedded(self, queues: set[str]) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        worker.start(queues)
        # A wait with a timeout allows signal handlers to run on every platform.
        while not stopped.wait(1):
            pass
        worker.stop()
