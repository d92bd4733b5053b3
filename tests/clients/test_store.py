"""Storage of the PIN token: the stored data does not identify the correct PIN."""

import base64
import secrets

import pytest

from clients.python.countersign_device import LockedToken
from clients.python.countersign_device.store import SecureStore


def test_correct_pin_returns_the_token():
    token = secrets.token_urlsafe(32)
    assert LockedToken.lock(token, "12345").unlock("12345") == token


def test_wrong_pin_returns_a_plausible_token():
    token = secrets.token_urlsafe(32)
    locked = LockedToken.lock(token, "12345")
    others = {locked.unlock(pin) for pin in ("00000", "12346", "1234", "123456", "", "é")}
    assert len(others) == 6
    assert token not in others
    for other in others:
        content = base64.urlsafe_b64decode(other + "=")
        assert len(content) == 32
        assert base64.urlsafe_b64encode(content).rstrip(b"=").decode() == other


def test_locked_token_differs_each_time():
    token = secrets.token_urlsafe(32)
    first, second = LockedToken.lock(token, "12345"), LockedToken.lock(token, "12345")
    assert first.salt != second.salt
    assert first.locked != second.locked


@pytest.mark.parametrize("token", ["", "with spaces in it", "padded+/==", "abcd\n"])
def test_token_that_would_reveal_a_wrong_pin_is_rejected(token):
    with pytest.raises(ValueError, match="random bytes"):
        LockedToken.lock(token, "12345")


def test_deleted_token_is_removed():
    store = SecureStore()
    store.save("face", "token")
    store.delete("face")
    store.delete("face")
    with pytest.raises(KeyError):
        store.unlock("face")
