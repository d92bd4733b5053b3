"""Serve the APIs and the console."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

# Requests wait for the database and, rarely, for nothing else: threads cover that.
THREADS_PER_WORKER = 8


class Command(BaseCommand):
    help = "Serve HTTP on PORT with WEB_WORKERS processes until stopped."
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")  # noqa: S104

    def handle(self, *args: Any, **options: Any) -> None:
        Granian(
            "config.wsgi:application",
            address=options["host"],
            port=settings.PORT,
            interface=Interfaces.WSGI,
            workers=settings.WEB_WORKERS,
            blocking_threads=THREADS_PER_WORKER,
            log_level=LogLevels.warning,
            workers_kill_timeout=10,
            respawn_failed_workers=True,
        ).serve()
