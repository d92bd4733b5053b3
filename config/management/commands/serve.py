"""Serve the APIs and the console."""

import ctypes
import os
import signal
import socket
import sys
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from apps.common.commands import TranslatedCommand

# Requests wait for the database and, rarely, for nothing else: threads cover that.
THREADS_PER_WORKER = 8
# Of Linux's prctl(2).
PR_SET_PDEATHSIG = 1


class Command(TranslatedCommand):
    help = gettext_lazy("Serve HTTP on PORT with WEB_WORKERS processes until stopped.")
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        text = _("address to listen on (default: all)")
        parser.add_argument("--host", default="0.0.0.0", help=text)  # noqa: S104

    def handle(self, *args: Any, **options: Any) -> None:
        require_free(options["host"], settings.PORT)
        release_database()
        # What is written from here on is for everybody, not for this terminal.
        translation.deactivate()
        # Ctrl-C reaches every process of the group. A serving process takes its end from the parent alone: a second
        # signal while it closes its connections can leave it hanging until it is killed.
        os.register_at_fork(after_in_child=ignore_interrupts)
        os.register_at_fork(after_in_child=partial(end_with, os.getpid()))
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
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


def require_free(host: str, port: int) -> None:
    """Raise CommandError when nobody can listen there, which the server would tell in a traceback."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            words = {"address": host, "port": port, "reason": error.strerror}
            raise CommandError(_("Port %(port)d of %(address)s cannot be used: %(reason)s.") % words) from None


def ignore_interrupts() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def end_with(parent: int) -> None:
    """Have the kernel end a serving process whose parent was killed: it would keep the port, and nobody stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The kernel tells nothing of a parent that was gone before it was asked.
        if os.getppid() != parent:
            os._exit(1)


def release_database() -> None:
    """Let go of what the check of the migrations opened: serving processes are forked from this one.

    A pool that is inherited has lost its threads: it opens no connection more, and its own are shared with the parent.
    """
    for connection in connections.all(initialized_only=True):
        connection.close()
        if close_pool := getattr(connection, "close_pool", None):
            close_pool()
