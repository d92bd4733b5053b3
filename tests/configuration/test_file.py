"""Parsing of configuration files, and errors with their lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.configuration import file
from apps.system.models import Features
from tests.commands.command_runner import run, set_standard_input
from tests.generated import any_speed

REFUSED = {
    "empty": (b"", "file: Must be a mapping of sections, for example “general” and “applications”."),
    "text": (b"hello", "file: Must be a mapping of sections, for example “general” and “applications”."),
    "syntax": (b"general:\n  a: 'SECRET\n", "line 3: The file is not valid YAML or JSON."),
    "json syntax": (b'{"general":\n {"a": SECRET,,}}', "line 2: The file is not valid YAML or JSON."),
    "tab": (b"general:\n\tSECRET: 1\n", "line 2: The file is not valid YAML or JSON."),
    "alias": (b"features: &SECRET {}\ngeneral: *SECRET\n", "line 1: Aliases are not supported. Repeat the value."),
    "undefined alias": (b"features: *SECRET\n", "line 1: The file is not valid YAML or JSON."),
    "tag": (b"features:\n  mobile_authentication: !SECRET x\n", "line 2: Tags are not supported."),
    "python tag": (b"features: !!python/object/apply:os.system [SECRET]\n", "line 1: Tags are not supported."),
    "wrong tag": (b"features: !!int SECRET\n", "line 1: Tags are not supported."),
    "twice": (b"features: {}\ngeneral: {}\nfeatures: {}\n", "line 3: Duplicate key “features”."),
    "twice below": (b"general:\n  a: 1\n  a: 2\n", "line 3: Duplicate key “a”."),
    "twice in json": (b'{"features": {},\n "features": {}}', "line 2: Duplicate key “features”."),
    "twice below in json": (
        b'{"a": [{"SECRET": ":{}"},\n\t{"SECRET": "\\"{", "x/": 1},\n{"b":1,\n"x/" :{},\n"\\u0078\\/"\n: 3}]}',
        "line 5: Duplicate key “x/”.",
    ),
    "documents": (b"features: {}\n---\ngeneral: {}\n", "line 3: A file must contain one document only."),
    "mapping as name": (b"{[a, b]: 1}: 2\n", "line 1: The name of a member must be text."),
    "latin-1": (b"features: {}\n# Andr\xe9 SECRET\n", "line 2: The file is not UTF-8."),
    "utf-16": ("features: {}\n".encode("utf-16"), "line 1: The file is not UTF-8."),
    "nul": (b"features: \0\n", "file: The file contains a character that YAML and JSON do not allow."),
    "too deep": (b"[" * 100_000, "file: The file is nested too deeply."),
    "deep": (b"[" * 990 + b"]" * 990, "file: The file is nested too deeply."),
    "deep json": (b'{"a":' * 100_000, "file: The file is nested too deeply."),
    "deep yaml": (b"- " * 100_000, "line 1: The file is not valid YAML or JSON."),
    "too large": (b"#" * (5 * 1024 * 1024 + 1), "file: The file is larger than 5242880 bytes."),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("content", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_invalid_file_is_rejected_without_quoting_it(import_text, content, problem):
    rejected = import_text(content)
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [problem])
    assert "SECRET" not in rejected.err


def test_nested_aliases_are_rejected_immediately(import_text):
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert import_text("\n".join(rows)).problems == ["line 1: Aliases are not supported. Repeat the value."]


@pytest.mark.parametrize("name", ["/no/such/file.yaml", "/", "a\0b"])
def test_unreadable_file_is_named_in_the_error(db, name):
    rejected = run("import_configuration", name)
    assert rejected.code == 1
    assert len(rejected.problems) == 1
    assert rejected.err.startswith(f"The file {name} cannot be read: ")


def test_file_can_be_read_from_standard_input(db, monkeypatch):
    set_standard_input(monkeypatch, b"features: {mobile_authentication: false}\n")
    assert run("import_configuration", "-").lines == ["features: changed mobile_authentication true → false"]
    assert Features.objects.get().mobile_authentication is False


def test_json_can_contain_escapes_and_a_byte_order_mark(import_text):
    text = '\ufeff{"mobile_authentication_types": [{"name": "a", "default_messages": {"en": "\\ud83d\\udd11 \\/"}}]}'
    assert import_text(text).code == 0
    assert "🔑 /" in run("export_configuration", "--format", "json").out


def test_unpaired_surrogate_in_json_is_reported_with_its_path(import_text):
    text = '{"mobile_authentication_types": [{"name": "a", "default_messages": {"en": "\\ud83d"}}]}'
    place = "mobile_authentication_types[0].default_messages.en"
    assert import_text(text).problems == [f"{place}: Contains a character that cannot be stored."]


@pytest.mark.parametrize("text", ["no", "010", "1_000", "1:30", "0x10", "2024-01-01", "<<", "=", "1e3"])
def test_plain_values_outside_yaml_1_2_are_text(text):
    assert file.load(f"{{a: {text}}}".encode()) == {"a": text}


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
values = st.recursive(
    storable | st.booleans() | st.integers(-(10**17), 10**17) | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(storable, inner),
    max_leaves=10,
)


@any_speed
@given(data=st.dictionaries(storable, values), file_format=st.sampled_from(file.FORMATS))
def test_dumped_data_is_loaded_unchanged(data, file_format):
    assert file.load(file.dump(data, file_format).encode()) == data
