"""Commands about users' devices and the server's key."""

import json

import pytest
from django.core.management import get_commands, load_command_class

from apps.demo.device import DeviceApiError
from apps.enrollment.models import Device, Profile, PushEnrollment, ServerKey
from apps.events.models import Event
from tests.commands.command_runner import run
from tests.conftest import Portal
from tests.users.test_list import V4

pytestmark = pytest.mark.django_db

ON_A_DEVICE = ["delete_device", "revoke_push", "revoke_mobile_authentication"]
UNKNOWN = "The user “{}” has no device with this id."


def who(event_type):
    return list(Event.objects.filter(event_type=event_type).values_list("user_id", "client_id", "details__who"))


def test_devices_are_listed_as_the_user_api_lists_them(portal: Portal, enroll):
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


def test_a_user_without_devices_has_an_empty_list_and_people_read_that_nothing_was_found():
    ran = run("list_devices", "nobody")
    assert (ran.code, ran.out, ran.problems) == (0, "", ["No results."])
    ran = run("list_devices", "nobody", "--json")
    assert (json.loads(ran.out), ran.err) == ([], "")


def test_a_device_is_deleted(device, enroll):
    bens = enroll(user_id="ben")
    ran = run("delete_device", "anna", device.device_id)
    assert (ran.code, ran.lines) == (0, ["The device “Phone of anna” of “anna” was deleted."])
    assert list(Profile.objects.values_list("user_id", flat=True)) == ["ben"]
    with pytest.raises(DeviceApiError, match="invalid_device_token"):
        device.pending()
    assert bens.pending() == []
    assert who("ADMIN_DEVICE_DELETED") == [("anna", "", "delete_device")]


def test_push_is_revoked_once_and_may_be_again(device):
    ran = run("revoke_push", "anna", device.device_id.lower())
    assert (ran.code, ran.lines) == (0, ["The push token of “anna” on “Phone of anna” was deleted."])
    assert (Profile.objects.count(), PushEnrollment.objects.count()) == (1, 0)
    again = run("revoke_push", "anna", device.device_id)
    assert (again.code, again.lines) == (0, ["“anna” has no push token on “Phone of anna”. Nothing was changed."])
    assert who("ADMIN_PUSH_ENROLLMENT_REVOKED") == [("anna", "", "revoke_push")]


def test_mobile_authentication_is_revoked(device):
    ran = run("revoke_mobile_authentication", "anna", device.device_id)
    assert (ran.code, ran.lines) == (
        0,
        ["The keys of “anna” on “Phone of anna” were deleted. The app must enrol the user again."],
    )
    assert device.pending() == []
    [listed] = json.loads(run("list_devices", "anna", "--json").out)
    assert (listed["id"], listed["mobileAuthenticationEnabled"]) == (device.device_id, False)
    again = run("revoke_mobile_authentication", "anna", device.device_id)
    assert (again.code, again.lines) == (0, ["“anna” has no keys on “Phone of anna”. Nothing was changed."])
    assert who("ADMIN_USER_CLIENT_KEYS_REVOKED") == [("anna", "", "revoke_mobile_authentication")]


@pytest.mark.parametrize("name", ON_A_DEVICE)
@pytest.mark.parametrize(("user", "theirs"), [("anna", False), ("ben", True), ("", True), ("an", True)])
def test_a_device_that_the_user_does_not_have_is_one_line(device, name, user, theirs):
    refused = run(name, user, device.device_id if theirs else "F" * 64)
    assert (refused.code, refused.out, refused.problems) == (1, "", [UNKNOWN.format(user)])
    assert PushEnrollment.objects.count() == 1


def test_what_is_done_cannot_be_done_twice_and_says_so(device):
    assert run("delete_device", "anna", device.device_id).code == 0
    again = run("delete_device", "anna", device.device_id)
    assert (again.code, again.problems) == (1, [UNKNOWN.format("anna")])


@pytest.mark.parametrize("name", [*ON_A_DEVICE, "list_devices"])
def test_an_argument_that_is_no_text_is_one_line(name):
    arguments = ["\udcff"] if name == "list_devices" else ["\udcff", "F" * 64]
    refused = run(name, *arguments)
    assert (refused.code, refused.problems) == (1, ["An argument is not valid Unicode."])


def test_a_new_server_key_is_for_new_enrolments(device, enroll, portal, mobile_type):
    ran = run("rotate_server_key", "--json")
    printed = json.loads(ran.out)
    assert (ran.code, list(printed)) == (0, ["fingerprint", "created_at"])
    bens = enroll(user_id="ben")
    assert bens.server_public_key != device.server_public_key
    assert ServerKey.objects.get(shared=True).public_key == bens.server_public_key
    assert len(printed["fingerprint"]) == 40
    for user_id, phone in (("anna", device), ("ben", bens)):
        started = portal.start(mobile_type, phone, user_id=user_id).json()["transaction_id"]
        assert phone.answer(phone.fetch(started), approve=True) == "authenticated"
    assert "PRIVATE" not in ran.out
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
