"""Addresses of callbacks that keep failing are told of where people look."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.callbacks.models import FailingCallbackUrl
from tests.console.callback_pages import ENDPOINTS, path_of, send_test


@pytest.fixture
def failing(db):
    def run(url, *, failures=3, days=0):
        moment = timezone.now() - timedelta(days=days)
        return FailingCallbackUrl.objects.create(
            url=url, failures=failures, reason="HTTP 503", status=503, failing_since=moment, last_failed_at=moment
        )

    return run


def problems(console, path="/admin/"):
    shown = console.get(path).context["problems"]
    return [problem if isinstance(problem, dict) else vars(problem) for problem in shown]


def titles(console, path="/admin/"):
    return [str(problem["title"]) for problem in problems(console, path)]


def test_an_address_that_keeps_failing_is_told_wherever_one_looks(console, endpoint, sink, failing):
    failing("https://quiet.example/", days=8)
    failing("https://patient.example/", failures=2)
    assert titles(console) == titles(console, ENDPOINTS) == titles(console, path_of(endpoint)) == []

    sink.script["/callback"] = [{"status": 503}] * 3
    for _attempt in range(3):
        send_test(console, endpoint)
    stranger = failing("https://user:hidden@stranger.example/?a=b")
    expected = ["Callbacks to https://…@stranger.example/?a=… are failing", f"Callbacks to {endpoint.url} are failing"]
    assert titles(console) == titles(console, ENDPOINTS) == expected
    assert titles(console, path_of(endpoint)) == expected[1:]

    since = f"{FailingCallbackUrl.objects.get(url=endpoint.url).failing_since:%-d %b %Y, %H:%M:%S}"
    start, there = console.get("/admin/").content.decode(), console.get(path_of(endpoint)).content.decode()
    for page in (start, there):
        assert f"3 consecutive callbacks have failed since {since} (UTC). Last reason: HTTP 503." in page
        assert "The portal has an internal error." in page
    assert "hidden@" not in start
    assert f'href="{path_of(endpoint)}"' in start
    [link] = [problem["url"] for problem in problems(console) if "stranger" in problem["title"]]
    assert console.get(link).context["cl"].get_filters_params()["url"] == [stranger.url]
    assert f"Failing since {since}: HTTP 503" in console.get(ENDPOINTS).content.decode()

    send_test(console, endpoint)
    assert titles(console) == expected[:1]


def test_only_the_last_of_many_failing_addresses_are_named(console, failing):
    for number in range(7):
        failing(f"https://{number}.example/")
    names = [f"Callbacks to https://{number}.example/ are failing" for number in (6, 5, 4, 3, 2)]
    assert titles(console) == [*names, "Callbacks to more URLs are failing"]


def test_nothing_fails_while_mobile_authentication_is_off(console, failing):
    failing("https://a.example/")
    console.save("/admin/system/features/", mobile_authentication=None)
    assert titles(console) == []
