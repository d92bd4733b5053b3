"""Commands for devices of users and for the server key."""

import json

import pytest
from django.core.management import get_commands, load_command_class

from apps.demo.device import DeviceApiError
from apps.enrollment.models import Device, KeyKind, Profile, PushEnrollment, ServerKey
from apps.events.models import Event
from tests.commands.command_runner import run
from tests.conftest import Portal
from tests.users.test_list import V4

pytestmark = pytest.mark.django_db

ON_A_DEVICE = ["delete_device", "revoke_push", "revoke_mobile_authentication"]
UNKNOWN = "The user “{}” has no device with this id."


def who(event_type):
    return list(Event.objects.filter(event_type=event_type).values_list("user_id", "client_id", "details__who"))


def test_devices_are_listed_like_in_the_user_api(portal: Portal, enroll):
    phones = [enroll(), enroll(push_token="")]
    enroll(user_id="ben", push_token="")
    printed = json.loads(run("list_devices", "anna", "--json").out)
    assert printed == portal.get("/oauth/api/v4/users/anna/devices").json()["devices"]
    assert [row["id"] for row in printed] == [phone.device_id for phone in phones]
    assert not Event.objects.filter(event_type="API_DEVICES_LISTED", client_id="").exists()


def test_devices_are_printed_for_people(enroll):
    phone = enroll()
    Device.objects.update(name="Anna\x1b[2J")
    heads, row = run("list_devices", "anna").lines
    assert heads.split() == V4
    assert row.startswith(phone.device_id)
    assert "Anna�[2J" in row


def test_user_without_devices_has_an_empty_list():
    result = run("list_devices", "unknown")
    assert (result.code, result.out, result.problems) == (0, "", ["No results."])
    result = run("list_devices", "unknown", "--json")
    assert (json.loads(result.out), result.err) == ([], "")


def test_device_is_deleted(device, enroll):
    bens = enroll(user_id="ben")
    result = run("delete_device", "anna", device.device_id)
    assert (result.code, result.lines) == (0, ["The device “Phone of anna” of “anna” was deleted."])
    assert list(Profile.objects.values_list("user_id", flat=True)) == ["ben"]
    with pytest.raises(DeviceApiError, match="invalid_device_token"):
        device.pending()
    assert bens.pending() == []
    assert who("ADMIN_DEVICE_DELETED") == [("anna", "", "delete_device")]


def test_revocation_of_push_is_idempotent(device):
    result = run("revoke_push", "anna", device.device_id.lower())
    assert (result.code, result.lines) == (0, ["Push notifications of “anna” on “Phone of anna” were revoked."])
    assert (Profile.objects.count(), PushEnrollment.objects.count()) == (1, 0)
    repeated = run("revoke_push", "anna", device.device_id)
    unchanged = "“anna” gets no requests of push types on “Phone of anna”. Nothing was changed."
    assert (repeated.code, repeated.lines) == (0, [unchanged])
    assert who("ADMIN_PUSH_ENROLLMENT_REVOKED") == [("anna", "", "revoke_push")]


def test_mobile_authentication_is_revoked(device):
    result = run("revoke_mobile_authentication", "anna", device.device_id)
    assert (result.code, result.lines) == (
        0,
        ["The keys of “anna” on “Phone of anna” were deleted. The app must enrol the user again."],
    )
    assert device.pending() == []
    [listed] = json.loads(run("list_devices", "anna", "--json").out)
    assert (listed["id"], listed["mobileAuthenticationEnabled"]) == (device.device_id, False)
    repeated = run("revoke_mobile_authentication", "anna", device.device_id)
    assert (repeated.code, repeated.lines) == (0, ["“anna” has no keys on “Phone of anna”. Nothing was changed."])
    assert who("ADMIN_USER_CLIENT_KEYS_REVOKED") == [("anna", "", "revoke_mobile_authentication")]


@pytest.mark.parametrize("name", ON_A_DEVICE)
@pytest.mark.parametrize(("user", "theirs"), [("anna", False), ("ben", True), ("", True), ("an", True)])
def test_unknown_device_is_one_line(device, name, user, theirs):
    rejected = run(name, user, device.device_id if theirs else "F" * 64)
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [UNKNOWN.format(user)])
    assert PushEnrollment.objects.count() == 1


def test_repeated_command_reports_no_change(device):
    assert run("delete_device", "anna", device.device_id).code == 0
    repeated = run("delete_device", "anna", device.device_id)
    assert (repeated.code, repeated.problems) == (1, [UNKNOWN.format("anna")])


@pytest.mark.parametrize("name", [*ON_A_DEVICE, "list_devices"])
def test_invalid_unicode_in_an_argument_is_one_line(name):
    arguments = ["\udcff"] if name == "list_devices" else ["\udcff", "F" * 64]
    rejected = run(name, *arguments)
    assert (rejected.code, rejected.problems) == (1, ["An argument is not valid Unicode."])


def test_new_server_key_is_used_for_new_enrolments(device, enroll, portal, mobile_type):
    result = run("rotate_server_key", "--json")
    printed = {row["kind"]: row for row in json.loads(result.out)}
    assert (result.code, set(printed)) == (0, set(KeyKind))
    bens = enroll(user_id="ben")
    assert bens.server_public_key != device.server_public_key
    assert ServerKey.objects.get(kind=KeyKind.JOSE, shared=True).public_key == bens.server_public_key
    assert [len(printed[kind]["fingerprint"]) for kind in (KeyKind.JOSE, KeyKind.OPENPGP)] == [43, 40]
    for user_id, phone in (("anna", device), ("ben", bens)):
        started = portal.start(mobile_type, phone, user_id=user_id).json()["transaction_id"]
        assert phone.answer(phone.fetch(started), approve=True) == "authenticated"
    assert "PRIVATE" not in result.out
    assert run("rotate_server_key").code == 0
    assert Event.objects.filter(event_type="SERVER_KEY_ROTATED").count() == 2


@pytest.mark.parametrize(
    "name", [*ON_A_DEVICE, "list_devices", "rotate_server_key", "cancel_transaction", "purge", "send_test_push"]
)
def test_every_command_has_help(capsys, name):
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--help"])
    assert ended.value.code == 0
    assert f"usage: manage.py {name}" in capsys.readouterr().out
