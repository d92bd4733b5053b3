"""Random codes and their keyed hashes."""

import re

import pytest

from apps.common import codes

OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32


@pytest.mark.parametrize(
    ("generate", "pattern"),
    [
        (codes.random_token, r"[A-Za-z0-9_-]{43}"),
        (codes.enrollment_code, r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){5}"),
        (codes.device_id, r"[0-9A-F]{64}"),
        (codes.profile_id, r"[A-Z0-9]{6}"),
    ],
)
def test_codes_are_random_and_match_their_format(generate, pattern):
    generated = [generate() for _ in range(200)]
    assert all(re.fullmatch(pattern, code) for code in generated)
    assert len(set(generated)) == 200


def test_keyed_hash_is_deterministic_and_hides_the_value():
    assert codes.keyed_hash("value", "purpose") == codes.keyed_hash("value", "purpose")
    assert "value" not in codes.keyed_hash("value", "purpose")


def test_keyed_hash_depends_on_value_and_purpose():
    pairs = [("a", "p"), ("b", "p"), ("a", "q"), ("", "p"), ("a\0", "p"), ("é", "p")]
    assert len({codes.keyed_hash(*pair) for pair in pairs}) == len(pairs)


def test_keyed_hash_matches_during_key_rotation(settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    stored = codes.keyed_hash("value", "purpose")
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    assert codes.matches("value", "purpose", [stored])
    assert stored in codes.hash_candidates("value", "purpose")
    assert codes.keyed_hash("value", "purpose") != stored
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    assert not codes.matches("value", "purpose", [stored])


@pytest.mark.parametrize("value", ["", "valu", "value ", "VALUE", "é"])
def test_other_value_does_not_match(value):
    stored = [codes.keyed_hash("value", "purpose"), codes.keyed_hash("second", "purpose")]
    assert codes.matches("second", "purpose", stored)
    assert not codes.matches(value, "purpose", stored)
    assert not codes.matches("value", "another purpose", stored)
    assert not codes.matches("value", "purpose", [])


@pytest.mark.parametrize(
    ("value", "expected", "is_equal"),
    [("a", "a", True), ("a", "b", False), ("", "", True), ("a", "", False), ("é", "é", True), ("\ud800", "a", False)],
)
def test_constant_time_compare_accepts_any_text(value, expected, is_equal):
    assert codes.constant_time_compare(value, expected) is is_equal
