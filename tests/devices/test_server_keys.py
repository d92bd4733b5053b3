"""The server's keys: one is shared or each enrolment has its own, and the shared one can be rotated."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.enrollment.models import Profile, ServerKey
from apps.enrollment.openpgp import keys
from tests.commands.command_runner import run
from tests.devices.conftest import Phone


@pytest.fixture
def works(portal, type_of, client):
    """Say whether a device can still do everything: register, fetch, answer."""

    def check(phone, user_id):
        assert phone.register(client, "pin").status_code == 201
        challenge = phone.fetch(portal.start(type_of("pin"), phone, user_id=user_id).json()["transaction_id"])
        sealed = phone.sealed_answer(challenge, credential=phone.credential("pin"))
        return phone.send(client, challenge["transaction_id"], sealed).json() == {"status": "authenticated"}

    return check


def test_the_shared_key_is_made_once_and_kept_encrypted(bare_phone):
    first, second = bare_phone("anna"), bare_phone("bert")
    assert first.server_public_key == second.server_public_key
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret_key FROM enrollment_serverkey")
        ((stored,),) = cursor.fetchall()
    assert "BEGIN PGP" not in stored
    assert ServerKey.objects.get().secret_key.startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----")


def test_switching_takes_effect_for_new_enrolments_only(bare_phone, switch, works):
    shared = bare_phone("anna")
    switch(unique_pgp_keys_per_enrollment=True)
    own = [bare_phone(user_id) for user_id in ("bert", "carl")]
    switch(unique_pgp_keys_per_enrollment=False)
    again = bare_phone("dora")
    assert len({phone.server_public_key for phone in (shared, *own)}) == 3
    assert again.server_public_key == shared.server_public_key
    for phone, user_id in zip((shared, *own, again), ("anna", "bert", "carl", "dora"), strict=True):
        assert works(phone, user_id)


def test_two_users_of_a_device_have_different_keys_of_their_own(bare_phone, enroll, switch, works):
    switch(unique_pgp_keys_per_enrollment=True)
    anna = bare_phone("anna", push_token="the phone's")
    bert = Phone(device_id=anna.device_id, device_token=anna.device_token)
    enroll("bert", device=bert, push_token="the phone's")
    assert anna.server_public_key != bert.server_public_key
    assert works(anna, "anna")
    assert works(bert, "bert")


def test_after_a_rotation_enrolled_devices_go_on_and_new_ones_get_the_new_key(bare_phone, works, event_types):
    old = bare_phone("anna")
    keys.rotate()
    assert event_types()[-1] == "SERVER_KEY_ROTATED"
    new = bare_phone("bert")
    assert old.server_public_key != new.server_public_key
    assert bare_phone("carl").server_public_key == new.server_public_key
    assert works(old, "anna")
    assert works(new, "bert")


def test_who_enrols_again_after_a_rotation_gets_the_new_key(bare_phone, enroll, works, client):
    phone = bare_phone("anna")
    before = phone.server_public_key
    keys.rotate()
    again = Phone(device_id=phone.device_id, device_token=phone.device_token)
    enroll("anna", device=again)
    assert again.server_public_key != before
    assert works(again, "anna")


def test_a_rotation_keeps_one_shared_key_and_tells_no_secret(bare_phone, caplog):
    bare_phone()
    for _ in range(2):
        keys.rotate()
    assert ServerKey.objects.filter(shared=True).count() == 1
    assert "PRIVATE KEY" not in json.dumps(caplog.text)


def server_keys_removed(hours):
    """Purge as if it were so many hours later."""
    with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=False):
        return json.loads(run("purge", "--json").out)["server_keys"]


def test_a_rotated_key_goes_when_its_last_profile_has_gone(bare_phone, works, client):
    phone = bare_phone("anna")
    keys.rotate()
    new = bare_phone("bert")
    assert server_keys_removed(hours=2) == 0
    assert works(phone, "anna")
    keys.rotate()
    last = bare_phone("carl")
    Profile.objects.get(user_id="anna").delete()
    ServerKey.objects.filter(shared=False).update(created_at=timezone.now() - timedelta(days=100))
    # Whoever began to enrol before the rotation may have taken the old key.
    assert server_keys_removed(hours=0) == 0
    # Another key that was rotated is in use.
    assert server_keys_removed(hours=2) == 1
    assert works(new, "bert")
    assert works(last, "carl")
    assert server_keys_removed(hours=2) == 0


def test_a_key_of_its_own_goes_with_its_profile_and_the_shared_one_stays_unused(bare_phone, switch):
    bare_phone("anna")
    switch(unique_pgp_keys_per_enrollment=True)
    bare_phone("bert")
    Profile.objects.all().delete()
    assert server_keys_removed(hours=2) == 1
    assert ServerKey.objects.get().shared is True
