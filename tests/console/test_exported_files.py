"""The command verify_audit_log finds each change of an exported file, and of its events in the database."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.events.audit import sealing
from apps.events.models import AuditBlock, Event
from tests.commands.command_runner import run
from tests.events.test_audit_log import create_events, stored, verify

EXPORTS = {"csv": "/admin/events/event/export/", "jsonl": "/admin/events/event/export-json-lines/"}


class ExportedFile:
    """File with the events of five users, newest first, as an administrator downloads it."""

    def __init__(self, console, path):
        self.path = path
        self.first_line = 2 if path.suffix == ".csv" else 1
        response = console.get(f"{EXPORTS[path.suffix[1:]]}?event_type=MOBILE_AUTH_AUTHENTICATED")
        path.write_bytes(b"".join(response.streaming_content))

    @property
    def lines(self):
        return self.path.read_bytes().decode().splitlines(keepends=True)

    def write(self, lines):
        self.path.write_text("".join(lines), encoding="utf-8", newline="")

    def verify(self):
        return verify("--file", str(self.path))

    def at(self, index):
        """Return the index of a line of an event."""
        return self.first_line - 1 + index


@pytest.fixture
def events(db):
    created = create_events(
        5, user_agent='Browser, "version" 1\nnext line', details={"reason": "ü", "number": 1.5}, client_id="=shop"
    )
    sealing.seal()
    return created[::-1]


@pytest.fixture(params=EXPORTS)
def exported(console, events, tmp_path, request):
    return ExportedFile(console, tmp_path / f"events.{request.param}")


def mismatch(number, event):
    return (
        f"Line {number} (event {event.event_identifier}): the hash does not match. The line was changed, or lines "
        "before it were inserted, deleted or reordered."
    )


def test_unchanged_file_has_no_problems(exported):
    assert exported.verify() == []
    completed = run("verify_audit_log", "--file", str(exported.path), "--json")
    assert json.loads(completed.out)["events"] == 5


@pytest.mark.parametrize("suffix", EXPORTS)
class TestChangedFile:
    @pytest.fixture
    def file(self, console, suffix, db, tmp_path):
        self.events = create_events(5)[::-1]
        return ExportedFile(console, tmp_path / f"events.{suffix}")

    def number(self, file, index):
        return index + file.first_line

    def test_changed_line_is_named(self, file):
        lines = file.lines
        lines[file.at(1)] = lines[file.at(1)].replace("user-3", "mallory")
        file.write(lines)
        number = self.number(file, 1)
        assert file.verify() == [
            mismatch(number, self.events[1]),
            f"Line {number}: event {self.events[1].event_identifier} differs from the database.",
        ]

    def test_deleted_line_is_named(self, file):
        lines = file.lines
        del lines[file.at(1)]
        file.write(lines)
        [named, counted] = file.verify()
        assert named == mismatch(self.number(file, 1), self.events[2])
        assert "lines were inserted or deleted" in counted

    def test_inserted_line_is_named(self, file):
        lines = file.lines
        lines.insert(file.at(1), lines[file.at(1)].replace("user-3", "mallory"))
        file.write(lines)
        problems = file.verify()
        assert problems[0] == mismatch(self.number(file, 1), self.events[1])
        assert "lines were inserted or deleted" in problems[-1]

    def test_exchanged_lines_are_named(self, file):
        lines = file.lines
        lines[file.at(1)], lines[file.at(2)] = lines[file.at(2)], lines[file.at(1)]
        file.write(lines)
        assert mismatch(self.number(file, 1), self.events[2]) in file.verify()

    def test_truncated_file_is_detected(self, file):
        file.write(file.lines[:-1])
        assert file.verify() == ["The file has no signature at its end: lines at the end were deleted."]

    def test_changed_signature_is_detected(self, file):
        lines = file.lines
        lines[-1] = lines[-1].replace("2026" if "2026" in lines[-1] else "20", "2001", 1)
        file.write(lines)
        assert file.verify() == ["The signature is invalid: it was changed, or another installation exported the file."]

    def test_changes_of_the_database_are_named(self, file):
        stored(self.events[0]).update(user_id="mallory")
        stored(self.events[1]).delete()
        first, second = self.number(file, 0), self.number(file, 1)
        assert file.verify() == [
            f"Line {first}: event {self.events[0].event_identifier} differs from the database.",
            f"Line {second}: event {self.events[1].event_identifier} is not in the database.",
        ]

    def test_purged_events_are_no_problem(self, file):
        Event.objects.update(occurred=timezone.now() - timedelta(minutes=5))
        run("purge", "--events-days", "0")
        assert file.verify() == []


def test_replaced_blocks_are_detected_with_an_older_file(exported):
    AuditBlock.objects.all().delete()
    assert exported.verify() == ["Block 1 of the database is not the block at the time of the export."]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("events.txt", b"", "The name of the file must end in .csv or .jsonl.\n"),
        ("events.csv", b"\xff", "cannot be read"),
        ("missing.csv", None, "cannot be read: No such file or directory.\n"),
    ],
)
def test_unreadable_file_is_reported(db, tmp_path, name, content, problem):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    completed = run("verify_audit_log", "--file", str(path))
    assert completed.code == 1
    assert problem in completed.err
