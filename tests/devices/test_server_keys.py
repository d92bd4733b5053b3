"""Server keys: shared or unique, and rotation of the shared key."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.enrollment import server_keys
from apps.enrollment.models import KeyKind, Profile, ServerKey
from tests.commands.command_runner import run
from tests.devices.conftest import TokenDevice

pytestmark = pytest.mark.usefixtures("each_kind")


@pytest.fixture
def is_working(portal, type_of, client):
    """Return True if a device can register an authenticator, fetch a challenge and answer."""

    def check(device, user_id):
        assert device.register(client, "pin").status_code == 201
        challenge = device.fetch(portal.start(type_of("pin"), device, user_id=user_id).json()["transaction_id"])
        sealed = device.sealed_answer(challenge, credential=device.credential("pin"))
        return device.send(client, challenge["transaction_id"], sealed).json() == {"status": "authenticated"}

    return check


def test_shared_key_is_created_once_and_encrypted(new_device, each_kind):
    first, second = new_device("anna"), new_device("bert")
    assert first.server_public_key == second.server_public_key
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret_key FROM enrollment_serverkey")
        ((stored,),) = cursor.fetchall()
    secret_key = ServerKey.objects.get().secret_key
    assert secret_key.startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----" if each_kind.is_openpgp else '{"keys"')
    assert secret_key[:20] not in stored


def test_key_option_applies_to_new_enrollments_only(new_device, switch, is_working):
    shared = new_device("anna")
    switch(unique_pgp_keys_per_enrollment=True)
    unique = [new_device(user_id) for user_id in ("bert", "carl")]
    switch(unique_pgp_keys_per_enrollment=False)
    re_enrolled = new_device("dora")
    assert len({device.server_public_key for device in (shared, *unique)}) == 3
    assert re_enrolled.server_public_key == shared.server_public_key
    for device, user_id in zip((shared, *unique, re_enrolled), ("anna", "bert", "carl", "dora"), strict=True):
        assert is_working(device, user_id)


def test_users_of_a_device_have_separate_keys(new_device, enroll, switch, is_working):
    switch(unique_pgp_keys_per_enrollment=True)
    anna = new_device("anna", push_token="the phone's")
    bert = TokenDevice(device_id=anna.device_id, device_token=anna.device_token)
    enroll("bert", device=bert, push_token="the phone's")
    assert anna.server_public_key != bert.server_public_key
    assert is_working(anna, "anna")
    assert is_working(bert, "bert")


def test_rotation_affects_new_enrollments_only(new_device, is_working, event_types):
    old = new_device("anna")
    server_keys.rotate()
    assert event_types()[-1] == "SERVER_KEY_ROTATED"
    new = new_device("bert")
    assert old.server_public_key != new.server_public_key
    assert new_device("carl").server_public_key == new.server_public_key
    assert is_working(old, "anna")
    assert is_working(new, "bert")


def test_repeated_enrollment_after_a_rotation_uses_the_new_key(new_device, enroll, is_working, client):
    device = new_device("anna")
    before = device.server_public_key
    server_keys.rotate()
    re_enrolled = TokenDevice(device_id=device.device_id, device_token=device.device_token)
    enroll("anna", device=re_enrolled)
    assert re_enrolled.server_public_key != before
    assert is_working(re_enrolled, "anna")


def test_rotation_keeps_one_shared_key_and_logs_no_secret(new_device, caplog):
    new_device()
    for _ in range(2):
        server_keys.rotate()
    assert sorted(key.kind for key in ServerKey.objects.filter(shared=True)) == sorted(KeyKind)
    assert "PRIVATE KEY" not in json.dumps(caplog.text)


def server_keys_removed(hours):
    """Return the number of server keys that a purge in some hours deletes."""
    with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=False):
        return json.loads(run("purge", "--json").out)["server_keys"]


def test_rotated_key_is_deleted_after_its_last_profile(new_device, is_working, client):
    device = new_device("anna")
    server_keys.rotate()
    new = new_device("bert")
    assert server_keys_removed(hours=2) == 0
    assert is_working(device, "anna")
    server_keys.rotate()
    last = new_device("carl")
    Profile.objects.get(user_id="anna").delete()
    ServerKey.objects.filter(shared=False).update(created_at=timezone.now() - timedelta(days=100))
    # An enrolment that started before the rotation can use the old key.
    assert server_keys_removed(hours=0) == 0
    # The second rotated OpenPGP key is in use. No profile has used one of the rotated JOSE keys.
    assert server_keys_removed(hours=2) == 2
    assert is_working(new, "bert")
    assert is_working(last, "carl")
    assert server_keys_removed(hours=2) == 0


def test_unique_key_is_deleted_with_its_profile(new_device, switch):
    new_device("anna")
    switch(unique_pgp_keys_per_enrollment=True)
    new_device("bert")
    Profile.objects.all().delete()
    assert server_keys_removed(hours=2) == 1
    assert ServerKey.objects.get().shared is True
