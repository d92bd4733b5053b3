"""Which texts of requests and files the databases can store."""

import pytest

from apps.common.input_text import has_control_characters, is_storable, is_unicode, remove_nul


@pytest.mark.parametrize("text", ["", "anna", "a\nb", "\x1b", "é€😀", "\uffff"])
def test_text_without_nul_and_surrogates_is_storable_unicode(text):
    assert is_storable(text)
    assert is_unicode(text)


@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_text_with_nul_is_not_storable(text):
    assert not is_storable(text)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_text_with_lone_surrogate_is_not_unicode(text):
    assert not is_unicode(text)


def test_remove_nul_keeps_all_other_characters():
    assert remove_nul("\0a\0\nb\0") == "a\nb"


@pytest.mark.parametrize(("text", "expected"), [("a b", False), ("\u202e", False), ("a\0", True), ("\x85", True)])
def test_control_characters_are_those_of_unicode_category_cc(text, expected):
    assert has_control_characters(text) is expected
