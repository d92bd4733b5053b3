"""IP allow list of a client, and trusted proxies."""

import pytest

from tests import factories
from tests.api.calls import error_of, result_path
from tests.conftest import Portal

UNKNOWN = result_path("5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11")
ALLOWED, DENIED = (404, "3004"), (403, "access_denied")


@pytest.fixture
def call(client, db):
    def run(allow_list, address, forwarded=None):
        portal = Portal(client, factories.ApiClientFactory(ip_allow_list=allow_list))
        headers = {"Authorization": portal.authorization}
        if forwarded:
            headers["X-Forwarded-For"] = forwarded
        return error_of(client.get(UNKNOWN, headers=headers, REMOTE_ADDR=address))

    return run


@pytest.mark.parametrize(
    ("allow_list", "address", "expected"),
    [
        ([], "203.0.113.9", ALLOWED),
        (["203.0.113.9"], "203.0.113.9", ALLOWED),
        (["203.0.113.9"], "203.0.113.10", DENIED),
        (["10.0.0.0/8", "203.0.113.0/24"], "203.0.113.10", ALLOWED),
        (["203.0.113.7/24"], "203.0.113.10", ALLOWED),
        (["10.0.0.0/8"], "203.0.113.10", DENIED),
        (["2001:db8::/32"], "2001:db8::7", ALLOWED),
        (["2001:db8::/32"], "203.0.113.10", DENIED),
        (["203.0.113.0/24"], "::ffff:203.0.113.10", ALLOWED),
        (["203.0.113.0/24"], "", DENIED),
    ],
)
def test_allow_list_accepts_addresses_and_networks(call, allow_list, address, expected):
    assert call(allow_list, address) == expected


def test_secret_is_verified_before_the_address(client, db):
    row = factories.ApiClientFactory(ip_allow_list=["10.0.0.1"])
    portal = Portal(client, row, secret="wrong")
    assert error_of(portal.get(UNKNOWN)) == (401, "invalid_client")


@pytest.mark.parametrize("forwarded", ["10.0.0.1", "10.0.0.1, 10.0.0.1", "10.0.0.1,203.0.113.9"])
def test_forwarded_address_is_ignored_without_trusted_proxies(call, forwarded):
    assert call(["10.0.0.1"], "203.0.113.9", forwarded) == DENIED


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("10.0.0.1", ALLOWED),
        ("203.0.113.9", DENIED),
        ("10.0.0.1, 203.0.113.9", DENIED),
        ("203.0.113.9, 10.0.0.1", ALLOWED),
        ("10.0.0.1, 192.0.2.77", ALLOWED),
        ("10.0.0.1, nonsense", DENIED),
        ("10.0.0.1, nonsense, 192.0.2.77", DENIED),
        ("10.0.0.1%eth0", DENIED),
        (" , ,", DENIED),
        (None, DENIED),
    ],
)
def test_last_address_that_is_not_a_trusted_proxy_is_used(call, settings, forwarded, expected):
    settings.TRUSTED_PROXIES = ["192.0.2.0/24"]
    assert call(["10.0.0.1"], "192.0.2.1", forwarded) == expected


def test_forwarded_address_of_an_untrusted_caller_is_ignored(call, settings):
    settings.TRUSTED_PROXIES = ["192.0.2.0/24"]
    assert call(["10.0.0.1"], "203.0.113.9", "10.0.0.1") == DENIED
