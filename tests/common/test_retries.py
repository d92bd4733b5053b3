"""Parsing of `Retry-After`, and the delay before a retry."""

from datetime import UTC, datetime

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from apps.outbox.retries import MAX_RETRY_AFTER_SECONDS, parse_retry_after, random_delay
from tests.generated import any_speed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("00120", 120),
        ("86400", 86_400),
        ("86401", MAX_RETRY_AFTER_SECONDS),
        ("9" * 500, MAX_RETRY_AFTER_SECONDS),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90),
        ("Sun, 01 Mar 2026 12:01:30", 90),
        ("Sun, 01 Mar 2026 13:01:30 +0100", 90),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Mon, 01 Jan 2300 00:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("", None),
        (" ", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
        ("١٢", None),
        ("Sun, 99 Mar 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 99999 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 12:00:00 +9999999", None),
        ("Mon, 01 Jan 2024 00:00:00 +9999999999999999", None),
        ("Mon, 01 Jan 2024 00:00:00 -9999999999999999", None),
    ],
)
def test_retry_after_accepts_seconds_and_dates(text, seconds):
    with time_machine.travel(NOW, tick=False):
        assert parse_retry_after(text) == seconds


@any_speed
@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,4} [A-Z][a-z]{2} \d{1,6} \d+:\d+:\d+ [-+]\d{1,20}"))
def test_retry_after_never_raises(text):
    seconds = parse_retry_after(text)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS


def test_random_delay_is_spread_over_its_window():
    delays = [random_delay((3, 6)) for _ in range(100)]
    assert all(3 <= delay <= 6 for delay in delays)
    assert len(set(delays)) > 90
