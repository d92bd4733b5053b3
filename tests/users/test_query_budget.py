"""The number of queries is independent of the number of devices."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment
from tests.api.test_query_budget import TRANSACTION_CONTROL, cached_configuration  # noqa: F401 - a fixture
from tests.users.conftest import register_all


def queries_of(call, status):
    with CaptureQueriesContext(connection) as captured:
        assert call().status_code == status
    statements = [query["sql"] for query in captured.captured_queries]
    return [statement for statement in statements if not statement.startswith(TRANSACTION_CONTROL)]


def populate(version, server_key, count, user_id):
    for number in range(count):
        token = f"hash {user_id} {number}"
        row = Device.objects.create(token_hash=token, version=version, name="x")
        profile = Profile.objects.create(
            device=row, user_id=user_id, public_key="x", fingerprint="x", server_key=server_key
        )
        PushEnrollment.objects.create(profile=profile, token="x", token_hash=token)
        Authenticator.objects.create(profile=profile, type="pin", token_hash="x")


@pytest.fixture
def grow(device, version):
    """Create twenty more devices of anna and fifty devices of other users."""
    server_key = Profile.objects.get().server_key

    def run(user_id="anna"):
        populate(version, server_key, 20, user_id)
        for number in range(50):
            populate(version, server_key, 1, f"{user_id} {number}")

    return run


def test_list_has_a_constant_number_of_queries(any_api, device, grow):
    register_all(device)
    any_api.list_devices()
    before = queries_of(any_api.list_devices, 200)
    assert len(before) <= 4, "\n".join(before)
    grow()
    assert len(any_api.devices()) == 21
    assert len(queries_of(any_api.list_devices, 200)) == len(before)


def test_delete_all_has_a_constant_number_of_queries(api, grow, device):
    grow("ben")
    api.list_devices()
    for_one = queries_of(api.delete_all, 204)
    for_many = queries_of(lambda: api.delete_all("ben"), 204)
    assert len(for_many) == len(for_one), "\n".join(for_many)
    assert len(for_one) <= 16


@pytest.mark.parametrize("target", ["Fingerprint", "PushAuthentication"])
def test_disable_has_a_constant_number_of_queries(api, device, grow, target):
    register_all(device)
    api.list_devices()
    before = queries_of(lambda: api.disable(target, device.device_id), 204)
    if target == "PushAuthentication":
        device.enroll_push("another")
    else:
        device.register_fingerprint(pin="13579")
    grow()
    assert len(queries_of(lambda: api.disable(target, device.device_id), 204)) == len(before) <= 8
