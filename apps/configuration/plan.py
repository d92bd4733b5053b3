"""Plan the changes of a configuration file. Nothing is written before the whole file is valid."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _

from apps.configuration import environment, problems
from apps.configuration.members import Member
from apps.configuration.paths import ItemPath
from apps.configuration.problems import InvalidValue
from apps.configuration.schema import SECTIONS, Group, Key, Section

ROWS_AT_ONCE = 500
SECTION_OF = {section.model: section for section in SECTIONS if isinstance(section, Section)}
CHILDREN = [child for section in SECTION_OF.values() for child in section.children]
MEMBERS_OF = {section.model: section.members for section in [*SECTION_OF.values(), *CHILDREN]}
Rows = dict[Key, Model]
Changes = dict[Member, str]


class Plan:
    """Changes of a file: `problems` and `warnings` (lines `PATH: text`) and `lines` (one for each changed item)."""

    def __init__(self, data: object) -> None:
        self.problems: list[str] = []
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self._unresolved: list[str] = []
        self._rows: dict[type[Model], Rows] = {}
        self._created: dict[type[Model], list[Model]] = {}
        self._changed: list[tuple[Model, list[str], ItemPath]] = []
        self._validated: dict[type[Model], set[object]] = {}
        self._read(environment.resolve(data, self._report_unresolved))
        self._validate_dependents()

    def apply(self) -> None:
        """Write all changes. The caller opens the database transaction."""
        for model, rows in self._created.items():
            _create(model, rows, SECTION_OF[model].self_references if model in SECTION_OF else [])
        for row, fields, _place in self._changed:
            row.save(update_fields=None if row._state.adding else fields)
        for row in (*chain(*self._created.values()), *(row for row, _fields, _place in self._changed)):
            for member in MEMBERS_OF.get(type(row), ()):
                member.store(row)

    def _report(self, path: str, text: str) -> None:
        self.problems.append(problems.format_problem(path, text))

    def _report_unresolved(self, path: str, text: str) -> None:
        self._unresolved.append(path)
        self._report(path, text)

    def _is_unresolved(self, item_path: ItemPath) -> bool:
        """Return True if a variable at or below this path is not set. This was reported, so no other problem is."""
        return any(path.startswith(item_path.indexed) for path in self._unresolved)

    def _read(self, data: object) -> None:
        if not isinstance(data, dict):
            self._report("file", _("Must be a mapping of sections, for example “general” and “applications”."))
            return
        self._read_sections(SECTIONS, data, ItemPath("", ""))

    def _read_sections(
        self, sections: Sequence[Section | Group], data: Mapping[Any, Any], parent_path: ItemPath
    ) -> None:
        self._report_unknown(data, [section.name for section in sections], parent_path)
        for section in sorted(sections, key=lambda each: each.is_read_last):
            section_path = parent_path.member(section.name)
            if section.name not in data or (data[section.name] is None and self._is_unresolved(section_path)):
                continue
            self._read_section(section, data[section.name], section_path)

    def _read_section(self, section: Section | Group, data: object, section_path: ItemPath) -> None:
        if isinstance(section, Section):
            many = self._read_list if section.key else self._read_single
            read = self._read_value if section.value_member else many
            read(section, data, section_path)
            return
        data = environment.parse_variable(data)
        if isinstance(data, dict):
            self._read_sections(section.sections, data, section_path)
        else:
            self._report(section_path.indexed, _("Must be a mapping."))

    def _report_unknown(self, names: Mapping[Any, Any], known: list[str], parent_path: ItemPath) -> None:
        for name in names:
            if name not in known:
                self._report(parent_path.member(name).indexed, problems.unknown_name(name, known))

    def _read_single(self, section: Section, item: object, item_path: ItemPath) -> None:
        row = section.model._default_manager.first() or section.model()
        problem_count = len(self.problems)
        changes = self._read_members(section, item, row, item_path)
        if len(self.problems) == problem_count and not self._is_unresolved(item_path):
            self._validate(row, item_path)
        if changes:
            self._change(row, changes, item_path)

    def _read_value(self, section: Section, value: object, item_path: ItemPath) -> None:
        """Read a section that consists of the value of one member."""
        row, member = section.model._default_manager.first() or section.model(), section.value_member
        if member is None or self._is_unresolved(item_path):
            return
        try:
            read = member.read(value, row, self._rows_of)
        except InvalidValue as error:
            for below, text in error.problems:
                self._report(item_path.indexed + below, text)
            return
        changes = ", ".join(member.changed_languages(row, read))
        if member.assign(row, read):
            self._change(row, {member: changes}, item_path)

    def _read_list(self, section: Section, items: object, list_path: ItemPath, owner: Model | None = None) -> None:
        items = environment.parse_variable(items)
        if not isinstance(items, list):
            self._report(list_path.indexed, _("Must be a list."))
            return
        rows = self._children(section, owner) if owner else self._rows_of(section.model)
        paths: dict[Key, ItemPath] = {}
        items_with_rows: list[tuple[object, Model, ItemPath]] = []
        # All rows exist before the first is read, because an item can refer to a later one.
        for number, item in enumerate(items):
            key = section.key_from(item)
            item_path = list_path.item(number, key)
            if key in paths:
                self._report(item_path.indexed, _("Duplicate of %(place)s.") % {"place": paths[key].indexed})
                continue
            if key:
                paths[key] = item_path
            items_with_rows.append((item, _row(section, rows, key, owner), item_path))
        valid_rows = [
            (row, item_path)
            for item, row, item_path in items_with_rows
            if self._read_row(section, item, row, item_path)
        ]
        section.prepare(rows.values())
        for row, item_path in valid_rows:
            self._validate(row, item_path)
            self._warn(section, row, item_path)
        self._validate_referencing_rows(section, rows, paths)
        self._validate_unique(section, rows, paths)

    def _read_row(self, section: Section, item: object, row: Model, item_path: ItemPath) -> bool:
        """Read an item and its children. Return True if all its members are valid."""
        problem_count = len(self.problems)
        changes = self._read_members(section, item, row, item_path)
        is_valid = len(self.problems) == problem_count and not self._is_unresolved(item_path)
        if row._state.adding:
            self._created.setdefault(section.model, []).append(row)
            self.lines.append(_("%(item)s: created") % {"item": item_path.label})
        elif changes:
            self._change(row, changes, item_path)
        for child in section.children:
            if isinstance(item, dict) and child.name in item:
                read = self._read_list if child.key else self._read_only_child
                read(child, item[child.name], item_path.member(child.name), row)
        return is_valid

    def _read_only_child(self, section: Section, item: object, item_path: ItemPath, owner: Model) -> None:
        """Read the only row of a child section."""
        row = None if owner._state.adding else section.model._default_manager.filter(**{section.parent: owner}).first()
        row = row or section.model(**{section.parent: owner})
        setattr(row, section.parent, owner)
        if self._read_row(section, item, row, item_path):
            self._validate(row, item_path)

    def _read_members(self, section: Section, item: object, row: Model, item_path: ItemPath) -> Changes:
        """Set the members of an item on its row. Return the changes as texts."""
        item = environment.parse_variable(item)
        if not isinstance(item, dict):
            self._report(item_path.indexed, _("Must be a mapping."))
            return {}
        self._report_unknown(item, section.member_names, item_path)
        self._report_missing(section, item, row, item_path)
        present = [member for member in section.members if member.name in item]
        changes = {member: self._read_member(member, item[member.name], row, item_path) for member in present}
        changes |= self._clear_inapplicable(section, item, row)
        return {member: change for member, change in changes.items() if change}

    def _clear_inapplicable(self, section: Section, item: Mapping[Any, Any], row: Model) -> Changes:
        """Clear the members of a former kind of the row, except those that the file contains."""
        inapplicable = section.inapplicable(row)
        leftover = [member for member in section.members if member.name in inapplicable and member.name not in item]
        cleared = [member for member in leftover if member.clear(row)]
        return {member: _("%(member)s removed") % {"member": member.name} for member in cleared}

    def _report_missing(self, section: Section, item: Mapping[str, Any], row: Model, item_path: ItemPath) -> None:
        for member in section.members:
            alternatives = {other.name for other in section.members if other.alternative_to == member.name}
            if member.name in item:
                for name in alternatives & item.keys():
                    text = _("Must not be combined with “%(name)s”.") % {"name": member.name}
                    self._report(item_path.member(name).indexed, text)
            elif row._state.adding and section.requires(member) and not alternatives & item.keys():
                path = item_path.member(member.name).indexed
                self._report(path, _("This member is required for a new item."))

    def _read_member(self, member: Member, value: object, row: Model, item_path: ItemPath) -> str:
        member_path = item_path.member(member.name)
        if self._is_unresolved(member_path):
            return ""
        try:
            read, before = member.read(value, row, self._rows_of), member.display(row)
        except InvalidValue as error:
            for below, text in error.problems:
                self._report(member_path.indexed + below, text)
            return ""
        if not member.assign(row, read):
            return ""
        after = member.display(row)
        return " ".join(filter(None, [member.name, before, "→", after])) if after else member.name

    def _validate(self, row: Model, item_path: ItemPath) -> None:
        """Apply the rules of the model that concern several fields."""
        self._validated.setdefault(type(row), set()).add(row.pk)
        try:
            row.clean()
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                path = item_path.indexed if name == NON_FIELD_ERRORS else item_path.member(name).indexed
                for text in texts:
                    self._report(path, text)

    def _warn(self, section: Section, row: Model, item_path: ItemPath) -> None:
        for name, text in section.warnings(row):
            self.warnings.append(problems.format_problem(item_path.member(name).indexed, str(text)))

    def _validate_referencing_rows(self, section: Section, rows: Rows, paths: Mapping[Key, ItemPath]) -> None:
        """Validate the rows that are not in the file but refer to a row of the file."""
        if self.problems:
            return
        for name in section.self_references:
            for key, row in rows.items():
                target = getattr(row, name)
                if key in paths or target is None or section.key_of(target) not in paths:
                    continue
                self._validate_referencing_row(row, " ".join(key), name, paths[section.key_of(target)])

    def _validate_referencing_row(self, row: Model, owner: str, name: str, item_path: ItemPath) -> None:
        try:
            row.clean()
        except ValidationError as error:
            text = _("“%(owner)s” uses this item as its %(member)s: %(problem)s")
            values = {"owner": owner, "member": name, "problem": " ".join(error.messages)}
            self._report(item_path.indexed, text % values)

    def _validate_dependents(self) -> None:
        """Validate the children of other sections that are not in the file but refer to a changed row."""
        if self.problems:
            return
        references = [(child, reference) for child in CHILDREN for reference in child.references]
        for changed, _fields, item_path in self._changed:
            for child, reference in references:
                if reference.model is not type(changed):
                    continue
                rows = child.model._default_manager.filter(**{reference.field: changed})
                for row in rows.exclude(pk__in=self._validated.get(child.model, ())).select_related(child.parent):
                    setattr(row, reference.field, changed)
                    self._validate_referencing_row(row, str(row), reference.name, item_path)

    def _validate_unique(self, section: Section, rows: Rows, paths: Mapping[Key, ItemPath]) -> None:
        """Report duplicate values of unique members other than the key."""
        for name in section.unique_members:
            owners: dict[str, Key] = {}
            for key, row in sorted(rows.items(), key=lambda entry: entry[0] in paths):
                value = getattr(row, name)
                if value in owners and key in paths:
                    text = _("“%(owner)s” already has this value.") % {"owner": " ".join(owners[value])}
                    self._report(paths[key].member(name).indexed, text)
                elif value:
                    owners[value] = key

    def _change(self, row: Model, changes: Changes, item_path: ItemPath) -> None:
        fields = {field for member in changes for field in member.fields}
        auto_now_fields = {field.name for field in row._meta.fields if getattr(field, "auto_now", False)}
        self._changed.append((row, sorted(fields | auto_now_fields), item_path))
        self.lines.append(
            _("%(item)s: changed %(changes)s") % {"item": item_path.label, "changes": ", ".join(changes.values())}
        )

    def _rows_of(self, model: type[Model]) -> Rows:
        """Return the rows of a section by key: the rows of the database and the rows read from the file."""
        if model not in self._rows:
            section = SECTION_OF[model]
            self._rows[model] = {section.key_of(row): row for row in section.rows()}
            for name in section.self_references:
                _link_rows(self._rows[model], name, self._rows[model])
        return self._rows[model]

    def _children(self, section: Section, owner: Model) -> Rows:
        if owner._state.adding:
            return {}
        rows = {section.key_of(row): row for row in getattr(owner, section.name).all()}
        for reference in section.references:
            _link_rows(rows, reference.field, self._rows_of(reference.model))
        return rows


def _row(section: Section, rows: Rows, key: Key | None, owner: Model | None) -> Model:
    """Return the row with this key, or a new row that is added under it."""
    if key in rows:
        return rows[key]
    row = section.model()
    if owner:
        setattr(row, section.parent, owner)
    if key:
        rows[key] = row
        # Lines about rows that refer to this row contain its name, also before it is read.
        for name, part in zip(section.key, key, strict=True):
            setattr(row, name, part)
    return row


def _link_rows(rows: Rows, name: str, targets: Rows) -> None:
    """Replace the related objects by the planned rows, so that they are not copies of the stored rows."""
    targets_by_id = {row.pk: row for row in targets.values()}
    for row in rows.values():
        if target := getattr(row, name):
            setattr(row, name, targets_by_id[target.pk])


def _create(model: type[Model], rows: list[Model], references: list[str]) -> None:
    """Create rows. References between them are set afterwards, because a row has no primary key before."""
    links = [(row, name, getattr(row, name)) for row in rows for name in references]
    deferred = [(row, name, target) for row, name, target in links if target is not None and target._state.adding]
    for row, name, _target in deferred:
        setattr(row, name, None)
    model._default_manager.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    for row, name, target in deferred:
        setattr(row, name, target)
    if deferred:
        changed = list(dict.fromkeys(row for row, _name, _target in deferred))
        model._default_manager.bulk_update(changed, references, batch_size=ROWS_AT_ONCE)
