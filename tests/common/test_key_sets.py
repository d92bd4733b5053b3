"""Key sets of other parties: the cache, the replacement of keys, and failures of the server."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.common.jose import tokens
from apps.common.jose.tokens import InvalidToken, Rules
from apps.outgoing import key_sets
from apps.outgoing.key_sets import KeySetUnavailable
from tests.fakes import key_set


@pytest.fixture
def server():
    key_sets.clear()
    with key_set.KeySetServer(key_set.key("old")) as fake:
        yield fake


@pytest.fixture
def elapse(monkeypatch):
    """Move the clock of the cache forward."""
    offset = [0]
    monkeypatch.setattr(key_sets, "now", lambda: time.monotonic() + offset[0])

    def run(seconds):
        offset[0] += seconds

    return run


def _verify(server, signer):
    token = key_set.sign({"iss": "shop"}, signer)
    return tokens.verify_with_refresh(token, lambda **options: key_sets.load(server.url, **options), Rules())


def test_key_set_is_fetched_once(server):
    for _number in range(3):
        assert _verify(server, server.keys[0])
    assert server.requests == 1


def test_new_key_is_fetched_but_not_for_each_unknown_key(server, elapse):
    _verify(server, server.keys[0])
    server.keys = [*server.keys, key_set.key("new")]
    elapse(key_sets.MIN_INTERVAL_SECONDS + 1)
    assert _verify(server, server.keys[1])
    for _number in range(3):
        with pytest.raises(InvalidToken):
            _verify(server, key_set.key("unknown"))
    assert server.requests == 2


def test_old_keys_are_used_while_the_server_fails(server, elapse):
    _verify(server, server.keys[0])
    server.script["/"] = [{"status": 503, "repeat": True}]
    elapse(key_sets.LIFETIME_SECONDS + 1)
    assert _verify(server, server.keys[0])
    assert server.requests == 2
    elapse(key_sets.MAX_AGE_SECONDS)
    with pytest.raises(KeySetUnavailable):
        _verify(server, server.keys[0])


def test_requests_do_not_wait_for_a_slow_server(server, elapse, monkeypatch):
    monkeypatch.setattr(key_sets, "WAIT_SECONDS", 0.05)
    server.script["/"] = [{"delay": 60}]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(key_sets.load, server.url)
        server.wait("/", 1, None, 5)
        with pytest.raises(KeySetUnavailable):
            key_sets.load(server.url)
        server.release()
        keys = first.result()
        server.script["/"] = [{"delay": 60}]
        elapse(key_sets.LIFETIME_SECONDS + 1)
        second = pool.submit(key_sets.load, server.url)
        server.wait("/", 2, None, 5)
        assert key_sets.load(server.url) == keys
        server.release()
        second.result()


@pytest.mark.parametrize(
    "response",
    [
        {"status": 302, "headers": {"Location": "/other"}},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": '{"keys": []}'},
        {"status": 200, "body": " " * 70_000},
        {"reset": True},
    ],
)
def test_unusable_key_set_is_unavailable(server, response):
    server.script["/"] = [response]
    with pytest.raises(KeySetUnavailable):
        key_sets.load(server.url)
    assert server.requests == 1


def test_key_set_of_private_address_is_rejected(server, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(KeySetUnavailable, match="not public"):
        key_sets.load(server.url)
    assert server.requests == 0
