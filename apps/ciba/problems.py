"""Problems of CIBA clients for the console and check_configuration."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.applications.models import Api, ApiClient
from apps.ciba.models import CibaClient, validate_type
from apps.common.console.documents import troubleshooting
from apps.common.console.problems import Problem

ANCHOR = "a-client-cannot-use-ciba"


def problems(client: ApiClient | None = None) -> Iterator[Problem]:
    """Yield the problems of one client with the API, or of all."""
    clients = [client] if client else ApiClient.objects.order_by("name")
    rows = CibaClient.objects.select_related("default_type").prefetch_related("types")
    settings = {row.client_id: row for row in (rows.filter(client=client) if client else rows)}
    for each in clients:
        if Api.CIBA in each.apis:
            yield from _problems_of(each, settings.get(each.pk))


def _problems_of(client: ApiClient, row: CibaClient | None) -> Iterator[Problem]:
    names = {"client": client}
    if row is None:
        title = _("“%(client)s” has no settings for CIBA") % names
        yield _problem(client, title, _("Its requests are rejected. Choose its types on the page of the client."))
        return
    types = [*row.types.all(), *([row.default_type] if row.default_type else [])]
    unusable = sorted({str(each) for each in types if not _is_usable(each)})
    if len(unusable) == len({str(each) for each in types}):
        title = _("“%(client)s” has no usable type") % names
        text = _("Its requests are rejected. Choose push types without code to phone for the client.")
        yield _problem(client, title, text)
    elif unusable:
        title = _("“%(client)s” has types that cannot be used: %(types)s") % {**names, "types": ", ".join(unusable)}
        text = _("The user cannot approve them on the device. Requests use another type, or are rejected.")
        yield _problem(client, title, text)
    try:
        row.clean()
    except ValidationError as error:
        errors = {name: texts for name, texts in error.message_dict.items() if name != "default_type"}
        if errors:
            title = _("The settings for CIBA of “%(client)s” are not valid") % names
            yield _problem(client, title, " ".join(text for texts in errors.values() for text in texts))


def _is_usable(mobile_type: object) -> bool:
    try:
        validate_type(mobile_type)  # type: ignore[arg-type]
    except ValidationError:
        return False
    return True


def _problem(client: ApiClient, title: str, text: str) -> Problem:
    url = reverse("admin:applications_apiclient_change", args=[client.pk])
    return Problem(title, title, text, url=url, documents=(troubleshooting(ANCHOR),))
