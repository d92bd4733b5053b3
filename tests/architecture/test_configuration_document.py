"""docs/configuration.md and the code say the same: members of the file with their defaults, variables with theirs."""

import ast
import json
import re
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from apps.configuration.schema import SECTIONS, Group, Section
from tests.architecture import pages
from tests.architecture.pages import ROOT

PAGE = ROOT / "docs/configuration.md"
# The model leaves it empty, and a configuration for Android gets it when it is checked.
GIVEN_LATER = {"push_messaging_configurations.fcm_api_version": "http_v1"}
# Their defaults are made of other settings, or in another way that a constant cannot say.
MADE = {
    "VAR_DIR",
    "DATABASE_URL",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEYS",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "PUSH_APNS_CA_FILE",
}


def sections():
    """Yield the heading of each section's table, what its members are called there, and the section."""
    for entry in SECTIONS:
        if isinstance(entry, Group):
            for section in entry.sections:
                yield entry.name, f"{section.name}.", section
        elif isinstance(entry, Section) and not entry.value_member:
            yield entry.name, "", entry
            for child in entry.children:
                yield entry.name, f"{child.name}[].", child


def table(name):
    """Return the cell of the default by member, from the table below a section's heading."""
    [heading] = re.findall(rf"^### `{name}`.*$", PAGE.read_text(), re.MULTILINE)
    cells = pages.rows(pages.section(PAGE, heading))
    return {member: row[1] for row in cells for member in re.findall(r"`([^`]+)`", row[0])}


def test_every_section_has_its_heading_and_no_other():
    headings = re.findall(r"^### `(\w+)`", PAGE.read_text(), re.MULTILINE)
    assert headings == [entry.name for entry in SECTIONS]


def test_every_member_of_the_file_is_in_its_table_and_no_other():
    expected = {}
    for name, prefix, section in sections():
        expected.setdefault(name, set()).update(prefix + member for member in section.member_names)
    assert {name: set(table(name)) for name in expected} == expected


def default_of(section, member):
    """Return what a new item has in a member that the file leaves out."""
    name = f"{section.name}.{member.name}"
    value = GIVEN_LATER.get(name, member.model_field(section.model).get_default())
    return str(value) if isinstance(value, str) else value


def written(cell):
    """Return the value of a cell: JSON, or a word that stands for itself."""
    [text] = re.findall(r"^`([^`]+)`", cell)
    try:
        return json.loads(text)
    except ValueError:
        return text


def is_refused(section, member):
    """Say whether the model refuses what a new item has in a member that the file leaves out."""
    try:
        member.model_field(section.model).clean(default_of(section, member), None)
    except ValidationError:
        return True
    return False


def test_every_default_of_the_file_is_the_codes():
    for name, prefix, section in sections():
        told = table(name)
        for member in section.members:
            cell = told[prefix + member.name]
            if cell.startswith("`"):
                assert written(cell) == default_of(section, member), f"{name}.{member.name}"
                assert not section.requires(member), f"{name}.{member.name}"
            elif cell == "":
                is_needed = section.requires(member) or is_refused(section, member)
                assert not is_needed or member.alternative_to, f"{name}.{member.name}"
                assert not default_of(section, member), f"{name}.{member.name}"
            elif cell == "required":
                assert section.requires(member) or is_refused(section, member), f"{name}.{member.name}"
            else:
                assert cell.startswith("required"), f"{name}.{member.name}: {cell}"


def defaults_read(module):
    """Return the default of each environment variable that a settings module reads, where it is a constant."""
    found = {}
    for node in ast.walk(ast.parse(Path(ROOT, "config/settings", module).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            constants = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            if constants and isinstance(node.args[0], ast.Constant) and node.args[0].value not in MADE:
                found[node.args[0].value] = eval(ast.unparse(constants[0]), {"__builtins__": {}})
    return found


def told_of_variables():
    text = pages.section(PAGE, "## Environment variables")
    return {row[0].strip("`"): row[1] for row in pages.rows(text) if row[0].startswith("`")}


def shown(value):
    """Return how the page writes a default."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        value = ",".join(value)
    return f"`{value}`" if value != "" else ""


@pytest.mark.parametrize("module", ["base.py", "production.py", "proxy.py"])
def test_every_default_of_a_variable_is_the_codes(module):
    told, read = told_of_variables(), defaults_read(module)
    assert read
    for name, value in read.items():
        cell = told[name].partition(";")[0].removeprefix("empty")
        assert cell == shown(value), name


def test_every_default_for_development_is_the_codes():
    told, read = told_of_variables(), defaults_read("local.py")
    assert read
    for name, value in read.items():
        assert told[name].partition("; ")[2] == f"{shown(value)} in development", name
