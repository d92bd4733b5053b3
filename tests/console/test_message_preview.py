"""The default messages of a type in a real browser: their preview, their length, and what they cost as texts."""

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import enter, needs_browser

pytestmark = [pytest.mark.processes, needs_browser]

ADD = "/admin/transactions/mobileauthenticationtype/add/"
ONE = "With the code, it is sent as one text message."


def more(number):
    return f"With the code, it is sent and charged as {number} text messages."


def strange(characters):
    return f"{characters} is not in the SMS alphabet (GSM 03.38): a text message then holds 70 characters, not 160."


# A text with its code is 6 characters where the placeholder is; each of the pairs lies at the edge of a message.
TEXTS = [
    ("{code}" + "a" * 149, [ONE]),
    ("{code}" + "€" * 77, [ONE]),
    ("{code}" + "€" * 78, [more(2)]),
    ("{code}" + "ç" * 64, [ONE, strange("“ç”")]),
    ("{code}" + "ç" * 65, [more(2), strange("“ç”")]),
    ("{code}" + "😀" * 32, [ONE, strange("“😀”")]),
    # 67 units to a part, and no character lies in two: 30 after the code in the first part, 33 in each of the others.
    ("{code}" + "😀" * 63, [more(2), strange("“😀”")]),
    ("{code}" + "😀" * 64, [more(3), strange("“😀”")]),
    ("“a” \u2018b\u2019 {code}", [ONE, strange("““”, “””, “\u2018”, …")]),
    # Sent as the code alone.
    ("ç" * 100, [ONE]),
]


def test_the_count_says_how_many_texts_a_message_costs_and_why(demo, window):
    enter(window, "admin", demo.password)
    window.goto(ADD)
    field, count = window.locator("[name=default_message_en]"), window.locator("#count_default_message_en")
    expect(count).to_have_text("0 of 155 characters.")
    field.fill("Line\n😀")
    expect(count).to_have_text("6 of 155 characters.")

    window.locator("[name=method]").select_option("sms")
    for text, said in TEXTS:
        field.fill(text)
        expect(count).to_have_text(" ".join([f"{len(text)} of 155 characters.", *said]))
    field.fill("a" * 156)
    expect(count).to_have_text("156 of 155 characters. The message is too long.")


def test_the_preview_is_opened_by_the_keyboard_and_follows_what_is_typed(demo, window):
    enter(window, "admin", demo.password)
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


def test_a_warning_stands_beside_each_risky_choice_while_it_is_chosen(demo, window):
    enter(window, "admin", demo.password)
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
