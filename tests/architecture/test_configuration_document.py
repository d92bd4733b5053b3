"""docs/configuration.md matches the code: members of the file and variables, with their defaults."""

import ast
import json
import re
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from apps.configuration.ciba_members import ReferenceList
from apps.configuration.schema import SECTIONS, Group, Section
from tests.architecture import pages
from tests.architecture.pages import ROOT

PAGE = ROOT / "docs/configuration.md"
# The default is empty; the validation sets this value for Android.
SET_BY_THE_MODEL = {"push_messaging_configurations.fcm_api_version": "http_v1"}
# Variables whose defaults are computed, for example from other settings.
COMPUTED = {
    "VAR_DIR",
    "DATABASE_URL",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEYS",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "PHONE_DIR",
    "DOCUMENTATION_DIR",
    "PUSH_APNS_CA_FILE",
    "WEB_PUSH_CA_FILE",
}


def sections():
    """Yield the heading of the table, the prefix of the members, and the section."""
    for entry in SECTIONS:
        if isinstance(entry, Group):
            for section in entry.sections:
                yield entry.name, f"{section.name}.", section
        elif isinstance(entry, Section) and not entry.value_member:
            yield entry.name, "", entry
            for child in entry.children:
                yield entry.name, f"{child.name}[]." if child.key else f"{child.name}.", child


def table(name):
    """Return the default cells by member, from the table of a section."""
    [heading] = re.findall(rf"^### `{name}`.*$", PAGE.read_text(), re.MULTILINE)
    cells = pages.rows(pages.section(PAGE, heading))
    return {member: row[1] for row in cells for member in re.findall(r"`([^`]+)`", row[0])}


def test_headings_match_the_sections():
    headings = re.findall(r"^### `(\w+)`", PAGE.read_text(), re.MULTILINE)
    assert headings == [entry.name for entry in SECTIONS]


def test_tables_match_the_members_of_the_file():
    expected = {}
    for name, prefix, section in sections():
        expected.setdefault(name, set()).update(prefix + member for member in section.member_names)
    assert {name: set(table(name)) for name in expected} == expected


def default_of(section, member):
    """Return the value of an omitted member of a new item."""
    if isinstance(member, ReferenceList):
        return []
    name = f"{section.name}.{member.name}"
    value = SET_BY_THE_MODEL.get(name, member.model_field(section.model).get_default())
    return str(value) if isinstance(value, str) else value


def parse_cell(cell):
    """Return the value of a cell: parsed JSON, otherwise the text."""
    [text] = re.findall(r"^`([^`]+)`", cell)
    try:
        return json.loads(text)
    except ValueError:
        return text


def is_rejected(section, member):
    """Return True if the model rejects the value of an omitted member of a new item."""
    try:
        member.model_field(section.model).clean(default_of(section, member), None)
    except ValidationError:
        return True
    return False


def test_defaults_of_members_match_the_code():
    for name, prefix, section in sections():
        documented = table(name)
        for member in section.members:
            cell = documented[prefix + member.name]
            if cell.startswith("`"):
                assert parse_cell(cell) == default_of(section, member), f"{name}.{member.name}"
                assert not section.requires(member), f"{name}.{member.name}"
            elif cell == "":
                is_needed = section.requires(member) or is_rejected(section, member)
                assert not is_needed or member.alternative_to, f"{name}.{member.name}"
                assert not default_of(section, member), f"{name}.{member.name}"
            elif cell == "required":
                assert section.requires(member) or is_rejected(section, member), f"{name}.{member.name}"
            else:
                assert cell.startswith("required"), f"{name}.{member.name}: {cell}"


def defaults_read(module):
    """Return the constant defaults of the environment variables that a settings module reads."""
    defaults = {}
    for node in ast.walk(ast.parse(Path(ROOT, "config/settings", module).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            constants = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            if constants and isinstance(node.args[0], ast.Constant) and node.args[0].value not in COMPUTED:
                defaults[node.args[0].value] = eval(ast.unparse(constants[0]), {"__builtins__": {}})
    return defaults


def documented_variables():
    text = pages.section(PAGE, "## Environment variables")
    return {row[0].strip("`"): row[1] for row in pages.rows(text) if row[0].startswith("`")}


def as_documented(value):
    """Return a default as written on the page."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        value = ",".join(value)
    return f"`{value}`" if value != "" else ""


@pytest.mark.parametrize("module", ["base.py", "production.py", "proxy.py"])
def test_defaults_of_variables_match_the_code(module):
    documented, used = documented_variables(), defaults_read(module)
    assert used
    for name, value in used.items():
        cell = documented[name].partition(";")[0].removeprefix("empty")
        assert cell == as_documented(value), name


def test_defaults_for_development_match_the_code():
    documented, used = documented_variables(), defaults_read("local.py")
    assert used
    for name, value in used.items():
        assert documented[name].partition("; ")[2] == f"{as_documented(value)} in development", name
