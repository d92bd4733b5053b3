"""Warnings about callback URLs that keep failing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.callbacks.models import FailingCallbackUrl
from tests.console.callback_pages import ENDPOINTS, page_path, send_test


@pytest.fixture
def failing(db):
    def run(url, *, failures=3, days=0):
        timestamp = timezone.now() - timedelta(days=days)
        return FailingCallbackUrl.objects.create(
            url=url, failures=failures, reason="HTTP 503", status=503, failing_since=timestamp, last_failed_at=timestamp
        )

    return run


def problems(console, path="/admin/"):
    listed = console.get(path).context["problems"]
    return [problem if isinstance(problem, dict) else vars(problem) for problem in listed]


def titles(console, path="/admin/"):
    return [str(problem["title"]) for problem in problems(console, path)]


def test_failing_url_is_shown_on_related_pages(console, endpoint, fake_portal, failing):
    failing("https://quiet.example/", days=8)
    failing("https://patient.example/", failures=2)
    assert titles(console) == titles(console, ENDPOINTS) == titles(console, page_path(endpoint)) == []

    fake_portal.script["/callback"] = [{"status": 503}] * 3
    for _attempt in range(3):
        send_test(console, endpoint)
    unknown_url = failing("https://user:hidden@unknown.example/?a=b")
    expected = ["Callbacks to https://…@unknown.example/?a=… are failing", f"Callbacks to {endpoint.url} are failing"]
    assert titles(console) == titles(console, ENDPOINTS) == expected
    assert titles(console, page_path(endpoint)) == expected[1:]

    since = f"{FailingCallbackUrl.objects.get(url=endpoint.url).failing_since:%-d %b %Y, %H:%M:%S}"
    start, endpoint_page = console.get("/admin/").content.decode(), console.get(page_path(endpoint)).content.decode()
    for page in (start, endpoint_page):
        assert f"3 consecutive callbacks have failed since {since} (UTC). Last reason: HTTP 503." in page
        assert "The portal has an internal error." in page
    assert "hidden@" not in start
    assert f'href="{page_path(endpoint)}"' in start
    [link] = [problem["url"] for problem in problems(console) if "unknown.example" in problem["title"]]
    assert console.get(link).context["cl"].get_filters_params()["url"] == [unknown_url.url]
    assert f"Failing since {since}: HTTP 503" in console.get(ENDPOINTS).content.decode()

    send_test(console, endpoint)
    assert titles(console) == expected[:1]


def test_only_latest_failing_urls_are_named(console, failing):
    for number in range(7):
        failing(f"https://{number}.example/")
    names = [f"Callbacks to https://{number}.example/ are failing" for number in (6, 5, 4, 3, 2)]
    assert titles(console) == [*names, "Callbacks to more URLs are failing"]


def test_failing_urls_are_hidden_while_feature_is_off(console, failing):
    failing("https://a.example/")
    console.save("/admin/system/features/", mobile_authentication=None)
    assert titles(console) == []
