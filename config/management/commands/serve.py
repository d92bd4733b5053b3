"""Serve the APIs and the console."""

import os
import signal
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from uvicorn import Config, Server

from apps.common.commands import TranslatedCommand
from config.server import supervisor
from config.server.processes import raise_file_limit

BACKLOG = 2048
# Time to finish running requests after a stop signal.
STOP_SECONDS = 10
# A process without a heartbeat for this time is replaced. The time includes the start-up.
HEALTH_CHECK_SECONDS = 30


class Command(TranslatedCommand):
    help = gettext_lazy("Serve HTTP on PORT with WEB_WORKERS processes until stopped.")
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        text = _("IP address to listen on (default: HOST)")
        parser.add_argument("--host", default=settings.HOST, help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        listener = listen(options["host"], settings.PORT)
        release_database()
        # Logs and stored texts are not in the language of this terminal.
        translation.deactivate()
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        raise_file_limit()
        # Ignore repeated signals during the shutdown: they would end this process with an error code.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        serve(listener)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises CommandError if the port cannot be used."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except OSError as error:
        # The text of the error itself contains the address a second time. Errors of host names have negative numbers.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.strerror).partition(" (")[0]
        values = {"address": host, "port": port, "reason": reason}
        raise CommandError(_("Port %(port)d of %(address)s cannot be used: %(reason)s.") % values) from None


def serve(listener: socket.socket) -> None:
    """Serve until a signal, in this process or in WEB_WORKERS child processes."""
    config = Config(
        "config.server.application:create",
        factory=True,
        http="config.server.protocol:LimitedProtocol",
        loop="uvloop",
        ws="none",
        lifespan="off",
        # Django's settings configure logging and trusted proxies.
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        workers=settings.WEB_WORKERS,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=HEALTH_CHECK_SECONDS,
    )
    if settings.WEB_WORKERS > 1:
        supervisor.run(config, listener)
    else:
        Server(config).run([listener])


def release_database() -> None:
    """Close the connections of the migration check. Requests do not use them."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if close_pool := getattr(connection, "close_pool", None):
            close_pool()
