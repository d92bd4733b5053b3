"""Checks of check_configuration: one module for each subject, each with a function that yields findings.

A subject that is not configured yields nothing.
"""

from collections.abc import Callable, Iterator

from apps.common.findings import Finding
from apps.configuration.checks import broker, callbacks, geolocation, push, secrets, sms, types, web_phone

CHECKS: list[Callable[[], Iterator[Finding]]] = [
    secrets.check,
    broker.check,
    push.check,
    sms.check,
    types.check,
    web_phone.check,
    callbacks.check,
    geolocation.check,
]


def check() -> Iterator[Finding]:
    """Run all checks one after the other. Each finding is yielded immediately."""
    for run_check in CHECKS:
        yield from run_check()
