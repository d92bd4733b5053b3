"""Default messages of a type in a real browser: preview, length and SMS segments."""

import re

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser

pytestmark = [pytest.mark.processes, needs_browser]

ADD = "/admin/transactions/mobileauthenticationtype/add/"
ONE = "With the code, it is sent as one text message."


def segments_note(number):
    return f"With the code, it is sent and charged as {number} text messages."


def unicode_note(characters):
    return f"{characters} is not in the SMS alphabet (GSM 03.38): a text message then holds 70 characters, not 160."


# The placeholder is replaced by a code of 6 characters. Each pair lies at the limit of a segment.
TEXTS = [
    ("{code}" + "a" * 149, [ONE]),
    ("{code}" + "€" * 77, [ONE]),
    ("{code}" + "€" * 78, [segments_note(2)]),
    ("{code}" + "ç" * 64, [ONE, unicode_note("“ç”")]),
    ("{code}" + "ç" * 65, [segments_note(2), unicode_note("“ç”")]),
    ("{code}" + "😀" * 32, [ONE, unicode_note("“😀”")]),
    # 67 units per segment, and no character is split: 30 after the code in the first, 33 in each other.
    ("{code}" + "😀" * 63, [segments_note(2), unicode_note("“😀”")]),
    ("{code}" + "😀" * 64, [segments_note(3), unicode_note("“😀”")]),
    ("“a” \u2018b\u2019 {code}", [ONE, unicode_note("““”, “””, “\u2018”, …")]),
    # Only the code is sent.
    ("ç" * 100, [ONE]),
]


def test_message_length_shows_sms_segments(admin_window):
    window = admin_window
    window.goto(ADD)
    field, count = window.locator("[name=default_message_en]"), window.locator("#count_default_message_en")
    expect(count).to_have_text("0 of 155 characters.")
    field.fill("Line\n😀")
    expect(count).to_have_text("6 of 155 characters.")

    window.locator("[name=method]").select_option("sms")
    for text, expected_sentences in TEXTS:
        field.fill(text)
        expect(count).to_have_text(" ".join([f"{len(text)} of 155 characters.", *expected_sentences]))
    field.fill("a" * 156)
    expect(count).to_have_text("156 of 155 characters. The message is too long.")


def test_message_preview_supports_keyboard_and_input(admin_window):
    window = admin_window
    window.goto(ADD)
    field = window.locator("[name=default_message_en]")
    button = window.get_by_role("button", name=re.compile("Preview message ?: English"))
    preview = window.get_by_role("status").and_(window.locator("[for=id_default_message_en]"))
    field.fill("Sign in with {code}?")
    expect(preview).to_have_count(0)
    field.press("Tab")
    expect(button).to_be_focused()
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(preview).to_have_text("Sign in with {code}?")
    expect(preview).to_have_attribute("aria-live", "polite")

    window.locator("[name=method]").select_option("sms")
    expect(preview).to_have_text("Sign in with 123456?")
    field.fill("<b>No place for it</b>")
    expect(preview).to_have_text("123456")
    window.locator("[name=method]").select_option("push")
    expect(preview).to_have_text("<b>No place for it</b>")
    field.fill("")
    expect(preview).to_contain_text("the message of the request")
    button.press("Space")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(preview).to_have_count(0)


def test_risky_choices_show_a_warning(admin_window):
    window = admin_window
    window.goto("/admin/system/generalconfiguration/")
    slow = window.get_by_text("Leave this off for better performance.")
    expect(slow).not_to_be_visible()
    window.locator("[name=unique_pgp_keys_per_enrollment]").check()
    expect(slow).to_be_visible()
    window.goto(ADD)
    window.locator("[name=method]").select_option("sms")
    guessed = window.get_by_text("A code of six digits can be guessed")
    expect(guessed).not_to_be_visible()
    window.locator("[name=max_attempts]").fill("0")
    expect(guessed).to_be_visible()
