"""The command verify_audit_log finds each change of sealed events in the database."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.events.audit import sealing
from apps.events.models import AuditBlock, AuditCheckpoint, AuditKey, Event
from tests.commands.command_runner import lose_keys, run

pytestmark = pytest.mark.django_db


def create_events(count, **values):
    values = {"event_type": "MOBILE_AUTH_AUTHENTICATED", "occurred": timezone.now() - timedelta(minutes=5), **values}
    return [Event.objects.create(**values, user_id=f"user-{number}") for number in range(count)]


@pytest.fixture
def events(monkeypatch):
    """Return seven sealed events, in blocks of three events."""
    monkeypatch.setattr(sealing, "BLOCK_EVENTS", 3)
    created = create_events(7)
    assert sealing.seal() == 3
    return created


def stored(event):
    return Event.objects.filter(pk=event.pk)


def verify(*arguments):
    """Return the problems that the command prints, without the last line, which counts them."""
    completed = run("verify_audit_log", *arguments)
    if not completed.problems:
        assert completed.code == 0
        return []
    *problems, summary = completed.problems
    assert (completed.code, summary) == (1, f"The audit log has problems: {len(problems)}.")
    return problems


def member(name):
    return next(line.split()[-1] for line in run("verify_audit_log").lines if line.startswith(f"{name}:"))


def test_intact_log_has_no_problems(events):
    create_events(1, occurred=timezone.now())
    assert sealing.seal() == 0
    assert verify() == []
    assert (member("blocks"), member("sealed_events"), member("unsealed_events")) == ("3", "7", "1")


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "mallory"},
        {"details": {"who": "mallory"}},
        {"occurred": timezone.now()},
        {"count": 2},
        {"event_type": "SMS_AUTH_AUTHENTICATED"},
    ],
)
def test_changed_event_is_named(events, change):
    stored(events[4]).update(**change)
    assert verify() == [f"Event {events[4].event_identifier} (row {events[4].pk}, block 2) was changed."]


def test_deleted_event_is_named(events):
    stored(events[1]).delete()
    assert verify() == [f"Event {events[1].event_identifier} (row {events[1].pk}, block 1) was deleted."]


def test_inserted_event_is_named():
    created = create_events(3)
    stored(created[1]).delete()
    sealing.seal()
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        create_events(1)
        sealing.seal()
        forged = Event.objects.create(pk=created[1].pk, event_type="MOBILE_AUTH_AUTHENTICATED", user_id="mallory")
        assert verify() == [
            f"Event {forged.event_identifier} (row {forged.pk}) was inserted after its block was sealed."
        ]


def test_exchanged_events_are_named(events):
    first, second = events[3].pk, events[4].pk
    for old, new in [(first, 0), (second, first), (0, second)]:
        Event.objects.filter(pk=old).update(id=new)
    assert verify() == [
        f"Event {event.event_identifier} (row {event.pk}, block 2) was changed." for event in (events[3], events[4])
    ]


def test_deleted_block_is_named(events):
    AuditBlock.objects.filter(number=2).delete()
    assert verify()[0] == "The blocks from 2 to 2 were deleted."


def test_changed_block_is_named(events):
    block = AuditBlock.objects.get(number=2)
    AuditBlock.objects.filter(number=2).update(leaves=bytes(block.leaves)[: len(block.leaves) // 3])
    assert verify()[0] == "Block 2 was changed: its signature is invalid."


def test_deletion_of_the_newest_blocks_is_detected_with_an_earlier_head(events):
    head = member("head")
    Event.objects.filter(pk__gte=events[3].pk).delete()
    AuditBlock.objects.filter(number__gte=2).delete()
    problem = "Block 3 does not have the expected digest: blocks were deleted or replaced."
    assert problem not in verify()
    assert problem in verify("--expect", head)


def test_head_file_detects_the_deletion_of_the_newest_blocks(events, tmp_path):
    file = tmp_path / "audit-log.head"
    assert verify("--head-file", str(file)) == []
    head = file.read_text()
    assert head == f"{member('head')}\n"
    Event.objects.filter(pk__gte=events[3].pk).delete()
    AuditBlock.objects.filter(number__gte=2).delete()
    for _attempt in range(2):
        # If ids were missing before the first block, they are reported too: they are stored with the newest block.
        problem, *_missing_ids = verify("--head-file", str(file))
        assert problem == "Block 3 does not have the expected digest: blocks were deleted or replaced."
    # The expected head stays until a verification succeeds.
    assert file.read_text() == head
    file.write_text("3")
    assert run("verify_audit_log", "--head-file", str(file)).problems == [
        "The expected head must be NUMBER:DIGEST, as printed as head."
    ]


def test_log_without_blocks_has_a_head_file(tmp_path):
    file = tmp_path / "audit-log.head"
    assert verify("--head-file", str(file)) == verify("--head-file", str(file)) == []
    create_events(1)
    sealing.seal()
    assert verify("--head-file", str(file)) == []
    rejected = run("verify_audit_log", "--head-file", str(tmp_path))
    assert rejected.problems == [f"The file {tmp_path} cannot be used: Is a directory."]


def test_recorded_verification_has_metrics(events, client):
    def metrics():
        text = client.get("/metrics").content.decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("countersign_audit_log"))

    time, problems = "countersign_audit_log_verified_timestamp_seconds", "countersign_audit_log_problems"
    verify()
    assert metrics() == {time: "0.0", problems: "0.0"}
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        assert verify("--record") == []
    assert float(metrics()[time]) == pytest.approx(now.timestamp(), abs=1e-3)
    stored(events[2]).delete()
    stored(events[4]).update(user_id="mallory")
    assert len(verify("--record")) == 2
    assert metrics()[problems] == "2.0"


def test_deletion_of_all_blocks_is_detected(events):
    AuditBlock.objects.all().delete()
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        [problem] = verify()
    assert "are not sealed. No worker has sealed them, or blocks were deleted." in problem


def test_purge_leaves_a_verifiable_chain(events):
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        newer = create_events(4)
        sealing.seal()
        head = member("head")
        assert "events:               7" in run("purge", "--events-days", "20").out
        assert verify("--expect", head) == []
        assert AuditBlock.objects.count() == 2
        stored(newer[0]).delete()
        assert verify() == [f"Event {newer[0].event_identifier} (row {newer[0].pk}, block 4) was deleted."]


def test_changed_checkpoint_permits_no_deletion(events):
    run("purge", "--events-days", "20")
    AuditCheckpoint.objects.update(events_before=timezone.now())
    stored(events[0]).delete()
    assert verify() == [
        "The checkpoint of purges was changed: its signature is invalid.",
        f"Event {events[0].event_identifier} (row {events[0].pk}, block 1) was deleted.",
    ]


def test_counter_of_failed_access_is_sealed_when_it_does_not_change_any_longer():
    [counted] = create_events(1, event_type="ADMIN_SIGN_IN_FAILED")
    create_events(1)
    sealing.seal()
    stored(counted).update(count=2, last_occurred=timezone.now())
    assert (verify(), member("unsealed_events")) == ([], "1")
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        sealing.seal()
        assert (verify(), member("unsealed_events")) == ([], "0")
        stored(counted).update(count=1)
        assert verify() == [f"Event {counted.event_identifier} (row {counted.pk}, block 2) was changed."]


def test_event_that_is_committed_late_is_sealed_later():
    first, late = create_events(2)
    stored(late).delete()
    create_events(1)
    sealing.seal()
    late.save_base(force_insert=True)
    assert (verify(), member("unsealed_events")) == ([], "1")
    sealing.seal()
    assert (verify(), member("unsealed_events")) == ([], "0")
    stored(first).delete()
    assert len(verify()) == 1


def test_new_keys_start_a_new_chain(events, settings):
    lose_keys(settings)
    assert not AuditKey.objects.exists()
    sealing.seal()
    assert (verify(), member("blocks")) == ([], "3")


def test_key_rotation_keeps_the_chain(events, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"2" * 32, *settings.FIELD_ENCRYPTION_KEYS]
    assert run("rotate_encryption_keys").code == 0
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]
    assert AuditKey.objects.get().seed
    assert verify() == []


def test_invalid_head_is_rejected():
    completed = run("verify_audit_log", "--expect", "3")
    assert (completed.code, completed.err) == (1, "The expected head must be NUMBER:DIGEST, as printed as head.\n")
