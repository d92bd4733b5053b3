"""Reading a whole configuration in, and writing it out."""

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
from apps.events.types import EventType

__all__ = ["ConfigurationInvalid", "export_configuration", "import_configuration"]

# An event is a line in a log: a file with thousands of changes is event_lines by its beginning and their number.
LINES_IN_EVENT = 100


def _ignore(_warning: str) -> None:
    pass


def import_configuration(
    data: object, *, check: bool = False, who: str = "command", warn: Callable[[str], object] = _ignore
) -> list[str]:
    """Bring the database to what `data` (a parsed file) says, all or nothing; what it leaves out stays as it is.

    Returns lines about what was created and changed, none when nothing was. With `check` nothing is written. `warn` is
    called with a line about each thing that is allowed and advised against. Raises ConfigurationInvalid with every
    problem there is.
    """
    try:
        with transaction.atomic():
            plan = Plan(data)
            if plan.problems:
                raise ConfigurationInvalid(plan.problems)
            if plan.lines and not check:
                event_lines = _in_event_language(plan, data)
                plan.apply()
                events.record(
                    EventType.ADMIN_CONFIGURATION_IMPORTED,
                    who=who,
                    changes=len(plan.lines),
                    lines=event_lines[:LINES_IN_EVENT],
                )
    except IntegrityError:
        text = _(
            "The database refuses this: two rows have the same name for a moment. Import again if somebody else "
            "changed the configuration meanwhile; exchange names in two steps."
        )
        raise ConfigurationInvalid([format_problem("file", text)]) from None
    for warning in plan.warnings:
        warn(warning)
    return plan.lines


def _in_event_language(plan: Plan, data: object) -> list[str]:
    """Return a plan's lines as events hold them: a terminal's language is of its user alone."""
    if translation.get_language() == settings.LANGUAGE_CODE:
        return plan.lines
    with translation.override(settings.LANGUAGE_CODE):
        return Plan(data).lines


def export_configuration(*, with_secrets: bool = False) -> dict[str, Any]:
    """Return the configuration as a file holds it; secrets are left out unless asked for."""
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
    # Sorted here: databases differ in how they order text.
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
        item[child.name] = _items(child, list(getattr(row, child.name).all()), with_secrets)
    return item
