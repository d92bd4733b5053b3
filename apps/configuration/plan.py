"""What a configuration file would change. Planning writes nothing, so that one mistake anywhere changes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _

from apps.configuration import environment, problems
from apps.configuration.members import Member
from apps.configuration.paths import Place
from apps.configuration.problems import Misread
from apps.configuration.schema import SECTIONS, Group, Key, Section

ROWS_AT_ONCE = 500
SECTION_OF = {section.model: section for section in SECTIONS if isinstance(section, Section)}
CHILDREN = [child for section in SECTION_OF.values() for child in section.children]
Rows = dict[Key, Model]
Changes = dict[Member, str]


class Plan:
    """`problems` and `warnings` (lines of the form `PATH: text`), `lines` (what would be changed), and `write()`."""

    def __init__(self, data: object) -> None:
        self.problems: list[str] = []
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self._unresolved: list[str] = []
        self._rows: dict[type[Model], Rows] = {}
        self._created: dict[type[Model], list[Model]] = {}
        self._changed: list[tuple[Model, list[str], Place]] = []
        self._judged: dict[type[Model], set[object]] = {}
        self._read(environment.resolve(data, self._report_unresolved))
        self._judge_dependents()

    def write(self) -> None:
        """Store everything; the caller has the database transaction."""
        for model, rows in self._created.items():
            _create(model, rows, SECTION_OF[model].inner_references if model in SECTION_OF else [])
        for row, fields, _place in self._changed:
            row.save(update_fields=None if row._state.adding else fields)

    def _report(self, path: str, text: str) -> None:
        self.problems.append(problems.line(path, text))

    def _report_unresolved(self, path: str, text: str) -> None:
        self._unresolved.append(path)
        self._report(path, text)

    def _is_unresolved(self, place: Place) -> bool:
        """Say whether a variable at or below this place is missing: that was reported, nothing else is to be said."""
        return any(path.startswith(place.path) for path in self._unresolved)

    def _read(self, data: object) -> None:
        if not isinstance(data, dict):
            self._report("file", _("Must be a mapping of sections, such as “general” and “applications”."))
            return
        self._read_sections(SECTIONS, data, Place("", ""))

    def _read_sections(self, sections: Sequence[Section | Group], data: Mapping[Any, Any], place: Place) -> None:
        self._report_unknown(data, [section.name for section in sections], place)
        for section in sections:
            here = place.member(section.name)
            if section.name not in data or (data[section.name] is None and self._is_unresolved(here)):
                continue
            self._read_section(section, data[section.name], here)

    def _read_section(self, section: Section | Group, data: object, place: Place) -> None:
        if isinstance(section, Section):
            many = self._read_list if section.key else self._read_one
            read = self._read_whole if section.whole else many
            read(section, data, place)
            return
        data = environment.structured(data)
        if isinstance(data, dict):
            self._read_sections(section.sections, data, place)
        else:
            self._report(place.path, _("Must be a mapping."))

    def _report_unknown(self, given: Mapping[Any, Any], known: list[str], place: Place) -> None:
        for name in given:
            if name not in known:
                self._report(place.member(name).path, problems.unknown(name, known))

    def _read_one(self, section: Section, item: object, place: Place) -> None:
        row = section.model._default_manager.first() or section.model()
        before = len(self.problems)
        changes = self._read_members(section, item, row, place)
        if len(self.problems) == before and not self._is_unresolved(place):
            self._judge(row, place)
        if changes:
            self._change(row, changes, place)

    def _read_whole(self, section: Section, value: object, place: Place) -> None:
        """Read a section that is the value of one member."""
        row, member = section.model._default_manager.first() or section.model(), section.whole
        if member is None or self._is_unresolved(place):
            return
        try:
            read = member.read(value, row, self._known)
        except Misread as error:
            for below, text in error.problems:
                self._report(place.path + below, text)
            return
        changes = ", ".join(member.changed(row, read))
        if member.assign(row, read):
            self._change(row, {member: changes}, place)

    def _read_list(self, section: Section, items: object, place: Place, owner: Model | None = None) -> None:
        items = environment.structured(items)
        if not isinstance(items, list):
            self._report(place.path, _("Must be a list."))
            return
        rows = self._children(section, owner) if owner else self._known(section.model)
        seen: dict[Key, Place] = {}
        found: list[tuple[object, Model, Place]] = []
        # Every row is known before the first is read: an item may name one that stands after it.
        for number, item in enumerate(items):
            key = section.key_in(item)
            here = place.item(number, key)
            if key in seen:
                self._report(here.path, _("This is the same as %(place)s.") % {"place": seen[key].path})
                continue
            if key:
                seen[key] = here
            found.append((item, _row(section, rows, key, owner), here))
        sound = [(row, here) for item, row, here in found if self._read_row(section, item, row, here)]
        section.survey(rows.values())
        for row, here in sound:
            self._judge(row, here)
            self._warn(section, row, here)
        self._judge_others(section, rows, seen)
        self._judge_unique(section, rows, seen)

    def _read_row(self, section: Section, item: object, row: Model, place: Place) -> bool:
        """Read one item with all that is in it; says whether its members could be read."""
        before = len(self.problems)
        changes = self._read_members(section, item, row, place)
        is_sound = len(self.problems) == before and not self._is_unresolved(place)
        if row._state.adding:
            self._created.setdefault(section.model, []).append(row)
            self.lines.append(_("%(item)s: created") % {"item": place.label})
        elif changes:
            self._change(row, changes, place)
        for child in section.children:
            if isinstance(item, dict) and child.name in item:
                self._read_list(child, item[child.name], place.member(child.name), row)
        return is_sound

    def _read_members(self, section: Section, item: object, row: Model, place: Place) -> Changes:
        """Put an item's members on its row; returns what that changed, in words."""
        item = environment.structured(item)
        if not isinstance(item, dict):
            self._report(place.path, _("Must be a mapping."))
            return {}
        self._report_unknown(item, section.names, place)
        self._report_missing(section, item, row, place)
        given = [member for member in section.members if member.name in item]
        changes = {member: self._read_member(member, item[member.name], row, place) for member in given}
        changes |= self._clear_foreign(section, item, row)
        return {member: change for member, change in changes.items() if change}

    def _clear_foreign(self, section: Section, item: Mapping[Any, Any], row: Model) -> Changes:
        """Remove what belonged to the kind that the row was of before, unless the file still gives it."""
        foreign = section.foreign(row)
        left = [member for member in section.members if member.name in foreign and member.name not in item]
        cleared = [member for member in left if member.clear(row)]
        return {member: _("%(member)s removed") % {"member": member.name} for member in cleared}

    def _report_missing(self, section: Section, item: Mapping[str, Any], row: Model, place: Place) -> None:
        for member in section.members:
            others = {other.name for other in section.members if other.instead_of == member.name}
            if member.name in item:
                for name in others & item.keys():
                    self._report(
                        place.member(name).path, _("Give this or “%(name)s”, not both.") % {"name": member.name}
                    )
            elif row._state.adding and section.requires(member) and not others & item.keys():
                self._report(place.member(member.name).path, _("Is missing, and a new item needs it."))

    def _read_member(self, member: Member, value: object, row: Model, place: Place) -> str:
        here = place.member(member.name)
        if self._is_unresolved(here):
            return ""
        try:
            read, before = member.read(value, row, self._known), member.shown(row)
        except Misread as error:
            for below, text in error.problems:
                self._report(here.path + below, text)
            return ""
        if not member.assign(row, read):
            return ""
        after = member.shown(row)
        return " ".join(filter(None, [member.name, before, "→", after])) if after else member.name

    def _judge(self, row: Model, place: Place) -> None:
        """Apply the model's rules about several fields at once."""
        self._judged.setdefault(type(row), set()).add(row.pk)
        try:
            row.clean()
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                path = place.path if name == NON_FIELD_ERRORS else place.member(name).path
                for text in texts:
                    self._report(path, text)

    def _warn(self, section: Section, row: Model, place: Place) -> None:
        for name, text in section.warnings(row):
            self.warnings.append(problems.line(place.member(name).path, str(text)))

    def _judge_others(self, section: Section, rows: Rows, seen: Mapping[Key, Place]) -> None:
        """Judge the rows that the file leaves as they are and that name one of those it changes."""
        if self.problems:
            return
        for name in section.inner_references:
            for key, row in rows.items():
                named = getattr(row, name)
                if key in seen or named is None or section.key_of(named) not in seen:
                    continue
                self._judge_other(row, " ".join(key), name, seen[section.key_of(named)])

    def _judge_other(self, row: Model, owner: str, name: str, place: Place) -> None:
        try:
            row.clean()
        except ValidationError as error:
            text = _("“%(owner)s” names this as its %(member)s: %(problem)s")
            facts = {"owner": owner, "member": name, "problem": " ".join(error.messages)}
            self._report(place.path, text % facts)

    def _judge_dependents(self) -> None:
        """Judge the rows below other sections that the file leaves out and that name one of those it changes."""
        if self.problems:
            return
        references = [(child, reference) for child in CHILDREN for reference in child.references]
        for changed, _fields, place in self._changed:
            for child, reference in references:
                if reference.model is not type(changed):
                    continue
                rows = child.model._default_manager.filter(**{reference.field: changed})
                for row in rows.exclude(pk__in=self._judged.get(child.model, ())).select_related(child.parent):
                    setattr(row, reference.field, changed)
                    self._judge_other(row, str(row), reference.name, place)

    def _judge_unique(self, section: Section, rows: Rows, seen: Mapping[Key, Place]) -> None:
        """Report values that must be unique and, besides the key, are on two rows once the file is read."""
        for name in section.unique_names:
            owners: dict[str, Key] = {}
            for key, row in sorted(rows.items(), key=lambda entry: entry[0] in seen):
                value = getattr(row, name)
                if value in owners and key in seen:
                    text = _("“%(owner)s” has this already.") % {"owner": " ".join(owners[value])}
                    self._report(seen[key].member(name).path, text)
                elif value:
                    owners[value] = key

    def _change(self, row: Model, changes: Changes, place: Place) -> None:
        fields = {field for member in changes for field in member.fields}
        moments = {field.name for field in row._meta.fields if getattr(field, "auto_now", False)}
        self._changed.append((row, sorted(fields | moments), place))
        self.lines.append(
            _("%(item)s: changed %(changes)s") % {"item": place.label, "changes": ", ".join(changes.values())}
        )

    def _known(self, model: type[Model]) -> Rows:
        """Return the rows of a section: those of the database, and those of the file as they are read."""
        if model not in self._rows:
            section = SECTION_OF[model]
            self._rows[model] = {section.key_of(row): row for row in section.rows()}
            for name in section.inner_references:
                _join(self._rows[model], name, self._rows[model])
        return self._rows[model]

    def _children(self, section: Section, owner: Model) -> Rows:
        if owner._state.adding:
            return {}
        rows = {section.key_of(row): row for row in getattr(owner, section.name).all()}
        for reference in section.references:
            _join(rows, reference.field, self._known(reference.model))
        return rows


def _row(section: Section, rows: Rows, key: Key | None, owner: Model | None) -> Model:
    """Return the row with this key, or a new one, which from now on is known under it."""
    if key in rows:
        return rows[key]
    row = section.model()
    if owner:
        setattr(row, section.parent, owner)
    if key:
        rows[key] = row
        # Its name stands in lines about those that refer to it, also before it is read itself.
        for name, part in zip(section.key, key, strict=True):
            setattr(row, name, part)
    return row


def _join(rows: Rows, name: str, others: Rows) -> None:
    """Let the rows that these name be the very rows that are planned, not copies of what is stored."""
    by_number = {row.pk: row for row in others.values()}
    for row in rows.values():
        if named := getattr(row, name):
            setattr(row, name, by_number[named.pk])


def _create(model: type[Model], rows: list[Model], references: list[str]) -> None:
    """Store new rows. They have a number only then, so that what they name of one another is stored afterwards."""
    named = [(row, name, getattr(row, name)) for row in rows for name in references]
    waiting = [(row, name, other) for row, name, other in named if other is not None and other._state.adding]
    for row, name, _other in waiting:
        setattr(row, name, None)
    model._default_manager.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    for row, name, other in waiting:
        setattr(row, name, other)
    if waiting:
        changed = list(dict.fromkeys(row for row, _name, _other in waiting))
        model._default_manager.bulk_update(changed, references, batch_size=ROWS_AT_ONCE)
