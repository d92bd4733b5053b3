"""What check_configuration looks at: a module for each subject, each with one function that yields findings.

A subject of which nothing is configured yields nothing.
"""

from collections.abc import Callable, Iterator

from apps.common.findings import Finding
from apps.configuration.checks import broker, callbacks, geolocation, push, secrets, sms, types

CHECKS: list[Callable[[], Iterator[Finding]]] = [
    secrets.check,
    broker.check,
    push.check,
    sms.check,
    types.check,
    callbacks.check,
    geolocation.check,
]


def check() -> Iterator[Finding]:
    """Look at everything, one subject after the other; a finding comes as soon as it is known."""
    for run_check in CHECKS:
        yield from run_check()
