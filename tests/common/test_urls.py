"""Validation of absolute HTTP(S) URLs, and their origin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.urls import is_http_url, origin
from tests.generated import any_speed


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "https://portal.example.com/callback?x=1&y=2#part",
        "HTTPS://Portal.Example.com/",
        "http://127.0.0.1:8000/callback",
        "http://[::1]:8000/",
        "https://user:password@portal.example.com/",
        "https://portal.example.com:65535/",
        "http://xn--prtal-jua.example.com/",
        "https://a/" + "x" * 1990,
    ],
)
def test_absolute_url_is_valid(url):
    assert is_http_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "/a",
        "//a/b",
        "http:a",
        "http:/a",
        "http://",
        "http://?x",
        "http://#x",
        "http://:80",
        "http://@/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:-1/",
        "http://a:1x/",
        "http://[::1",
        "http://[zz]/",
        "http://a b/",
        "http://a/\t",
        "http://a/\x7f",
        "http://a/\0",
        " http://a/",
        "http://a/é",
        "ftp://a/",
        "javascript://a/%0aalert(1)",
        "data:text/html,x",
        "https://a/" + "x" * 1991,
    ],
)
def test_other_text_is_not_a_valid_url(url):
    assert not is_http_url(url)


@any_speed
@given(st.text(max_size=80) | st.text(max_size=60).map("http://{}".format))
def test_url_functions_never_raise(text):
    if is_http_url(text):
        assert origin(text).startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://portal.example.com/a?b", "https://portal.example.com"),
        ("http://portal.example.com:8080/a", "http://portal.example.com:8080"),
        ("https://user:password@portal.example.com/a", "https://portal.example.com"),
        ("https://" + "a" * 300 + "/", "https://" + "a" * 247),
    ],
)
def test_origin_is_scheme_host_and_port_without_credentials(url, expected):
    assert origin(url) == expected
