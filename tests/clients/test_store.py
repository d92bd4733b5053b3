"""How the device keeps a PIN's token: nothing in its memory tells a right PIN from a wrong one."""

import base64
import secrets

import pytest

from clients.python.countersign_device import LockedToken
from clients.python.countersign_device.store import SecureStore


def test_the_right_pin_gives_the_token_back():
    token = secrets.token_urlsafe(32)
    assert LockedToken.lock(token, "12345").unlock("12345") == token


def test_every_other_pin_gives_another_token_that_looks_just_as_right():
    token = secrets.token_urlsafe(32)
    locked = LockedToken.lock(token, "12345")
    others = {locked.unlock(pin) for pin in ("00000", "12346", "1234", "123456", "", "é")}
    assert len(others) == 6
    assert token not in others
    for other in others:
        content = base64.urlsafe_b64decode(other + "=")
        assert len(content) == 32
        assert base64.urlsafe_b64encode(content).rstrip(b"=").decode() == other


def test_the_same_token_under_the_same_pin_is_kept_differently_each_time():
    token = secrets.token_urlsafe(32)
    first, second = LockedToken.lock(token, "12345"), LockedToken.lock(token, "12345")
    assert first.salt != second.salt
    assert first.locked != second.locked


@pytest.mark.parametrize("token", ["", "with spaces in it", "padded+/==", "abcd\n"])
def test_a_token_whose_looks_would_tell_a_wrong_pin_is_not_kept(token):
    with pytest.raises(ValueError, match="random bytes"):
        LockedToken.lock(token, "12345")


def test_what_is_dropped_is_gone():
    store = SecureStore()
    store.save("face", "token")
    store.delete("face")
    store.delete("face")
    with pytest.raises(KeyError):
        store.unlock("face")
