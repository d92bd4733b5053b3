"""Random codes, and the hashes under which they are kept."""

import re

import pytest

from apps.common import codes

OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (codes.random_token, r"[A-Za-z0-9_-]{43}"),
        (codes.enrollment_code, r"[0-9a-f]{32}"),
        (codes.device_id, r"[0-9A-F]{64}"),
        (codes.profile_id, r"[A-Z0-9]{6}"),
    ],
)
def test_codes_have_their_shape_and_differ(make, pattern):
    made = [make() for _ in range(200)]
    assert all(re.fullmatch(pattern, code) for code in made)
    assert len(set(made)) == 200


def test_a_hash_does_not_hold_the_value_and_is_the_same_again():
    assert codes.keyed_hash("value", "purpose") == codes.keyed_hash("value", "purpose")
    assert "value" not in codes.keyed_hash("value", "purpose")


def test_hashes_differ_by_value_and_by_purpose():
    pairs = [("a", "p"), ("b", "p"), ("a", "q"), ("", "p"), ("a\0", "p"), ("é", "p")]
    assert len({codes.keyed_hash(*pair) for pair in pairs}) == len(pairs)


def test_hashes_outlive_a_rotation_of_keys(settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    stored = codes.keyed_hash("value", "purpose")
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    assert codes.matches("value", "purpose", [stored])
    assert stored in codes.hash_candidates("value", "purpose")
    assert codes.keyed_hash("value", "purpose") != stored
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    assert not codes.matches("value", "purpose", [stored])


@pytest.mark.parametrize("value", ["", "valu", "value ", "VALUE", "é"])
def test_another_value_does_not_match(value):
    stored = [codes.keyed_hash("value", "purpose"), codes.keyed_hash("second", "purpose")]
    assert codes.matches("second", "purpose", stored)
    assert not codes.matches(value, "purpose", stored)
    assert not codes.matches("value", "another purpose", stored)
    assert not codes.matches("value", "purpose", [])


@pytest.mark.parametrize(
    ("given", "expected", "same"),
    [("a", "a", True), ("a", "b", False), ("", "", True), ("a", "", False), ("é", "é", True), ("\ud800", "a", False)],
)
def test_secrets_are_compared_whatever_was_given(given, expected, same):
    assert codes.constant_time_compare(given, expected) is same
