"""Check of Keycloak integrations: their stored values, and the keys and the issuer of their realms."""

from collections.abc import Iterator

from apps.common.findings import Finding, Level, from_problem
from apps.integrations import realm
from apps.integrations.models import KeycloakIntegration
from apps.integrations.problems import problems


def check() -> Iterator[Finding]:
    yield from check_stored()
    for integration in KeycloakIntegration.objects.all():
        yield from realm.check(integration)


def check_stored() -> Iterator[Finding]:
    """Yield the problems that need no connection."""
    for integration in KeycloakIntegration.objects.select_related("api_client", "type"):
        for problem in problems(integration):
            yield from_problem(problem, Level.ERROR if problem.is_failure else Level.WARNING)
