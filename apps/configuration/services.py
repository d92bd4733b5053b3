"""Import and export of the configuration."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import translation
from django.utils.translation import gettext as _

from apps.configuration.plan import Plan
from apps.configuration.problems import ConfigurationInvalid, format_problem
from apps.configuration.schema import SECTIONS, Group, Section
from apps.events import services as events
from apps.events.facts import ImportFacts
from apps.events.types import EventTypes

__all__ = ["ConfigurationInvalid", "export_configuration", "import_configuration"]

# An event is a log line: of thousands of changes it contains the first ones and their number.
LINES_IN_EVENT = 100


def _ignore(_warning: str) -> None:
    pass


def import_configuration(
    data: object, *, check: bool = False, who: str = "command", warn: Callable[[str], object] = _ignore
) -> list[str]:
    """Apply `data` (a parsed file) to the database, all or nothing. Omitted items and members are kept.

    Return one line for each created or changed item. With `check`, nothing is written. `warn` is called with one line
    for each deprecated or discouraged value. Raises ConfigurationInvalid with all problems of the file.
    """
    try:
        with transaction.atomic():
            plan = Plan(data)
            if plan.problems:
                raise ConfigurationInvalid(plan.problems)
            if plan.lines and not check:
                event_lines = _in_event_language(plan, data)
                plan.apply()
                facts = ImportFacts(who=who, changes=len(plan.lines), lines=event_lines[:LINES_IN_EVENT])
                events.record(EventTypes.ADMIN_CONFIGURATION_IMPORTED, facts)
    except IntegrityError:
        text = _(
            "The database rejected the file, because two rows would have the same name during the import. Import again "
            "if the configuration was changed at the same time. To swap two names, import in two steps."
        )
        raise ConfigurationInvalid([format_problem("file", text)]) from None
    for warning in plan.warnings:
        warn(warning)
    return plan.lines


def _in_event_language(plan: Plan, data: object) -> list[str]:
    """Return the lines of a plan in the language of events, which is independent of the language of the terminal."""
    if translation.get_language() == settings.LANGUAGE_CODE:
        return plan.lines
    with translation.override(settings.LANGUAGE_CODE):
        return Plan(data).lines


def export_configuration(*, with_secrets: bool = False) -> dict[str, Any]:
    """Return the configuration in the structure of a file. Secrets are included only with `with_secrets`."""
    return {section.name: _section(section, with_secrets) for section in SECTIONS}


def _section(section: Section | Group, with_secrets: bool) -> Any:
    if isinstance(section, Group):
        return {inner.name: _section(inner, with_secrets) for inner in section.sections}
    if section.value_member:
        return section.value_member.export(section.model._default_manager.first() or section.model())
    if not section.key:
        return _item(section, section.model._default_manager.first() or section.model(), with_secrets)
    return _items(section, list(section.rows()), with_secrets)


def _items(section: Section, rows: list[Model], with_secrets: bool) -> list[dict[str, Any]]:
    # Sorted in Python, because databases order text differently.
    return [_item(section, row, with_secrets) for row in sorted(rows, key=section.key_of)]


def _item(section: Section, row: Model, with_secrets: bool) -> dict[str, Any]:
    inapplicable = section.inapplicable(row)
    members = [
        member
        for member in section.members
        if member.is_exported(row) and (with_secrets or not member.secret) and member.name not in inapplicable
    ]
    item = {member.name: member.export(row) for member in members}
    for child in section.children:
        if child.key:
            item[child.name] = _items(child, list(getattr(row, child.name).all()), with_secrets)
        elif only := getattr(row, child.name, None):
            item[child.name] = _item(child, only, with_secrets)
    return item
