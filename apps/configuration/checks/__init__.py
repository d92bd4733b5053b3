"""Checks of check_configuration: one module for each subject, each with a function that yields findings.

A subject that is not configured yields nothing.
"""

from collections.abc import Callable, Iterator

from apps.common.findings import Finding, Level
from apps.configuration.checks import (
    broker,
    callbacks,
    ciba,
    geolocation,
    keycloak,
    operation,
    push,
    secrets,
    sms,
    types,
    versions,
    web_phone,
)

CHECKS: list[Callable[[], Iterator[Finding]]] = [
    secrets.check,
    broker.check,
    push.check,
    sms.check,
    types.check,
    versions.check,
    web_phone.check,
    callbacks.check,
    keycloak.check,
    ciba.check,
    geolocation.check,
    operation.check,
]
# Checks of stored values and settings, without a connection: the start page of the console runs them too.
STORED_CHECKS: list[Callable[[], Iterator[Finding]]] = [
    ciba.check_stored,
    sms.check_stored,
    types.check,
    versions.check,
    web_phone.check,
    keycloak.check_stored,
]


def check() -> Iterator[Finding]:
    """Run all checks one after the other. Each finding is yielded immediately."""
    for run_check in CHECKS:
        yield from run_check()


def check_stored() -> Iterator[Finding]:
    """Yield the errors and warnings of the checks that use no connection."""
    for run_check in STORED_CHECKS:
        yield from (finding for finding in run_check() if finding.level != Level.OK)
