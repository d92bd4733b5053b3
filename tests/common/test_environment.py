"""Environment variables: what they are taken for, and one line for what makes no sense."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings.base import env

LEVELS = ("INFO", "ERROR")


@pytest.fixture
def given(monkeypatch):
    """Set the variable that a test is about."""
    return lambda text: monkeypatch.setenv("GIVEN", text)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_has_its_default(given, text):
    given(text)
    assert env.integer("GIVEN", default=5) == 5
    assert env.boolean("GIVEN", default=True) is True
    assert env.choice("GIVEN", LEVELS, default="INFO") == "INFO"
    assert env.networks("GIVEN", default=["::1"]) == ["::1"]
    assert env.site_url("GIVEN", default="http://localhost") == "http://localhost"
    assert env.broker("GIVEN", default="") == ""
    assert env.database("GIVEN", default="sqlite:////a/b")["NAME"] == "/a/b"


def test_an_empty_text_or_list_has_its_default(given):
    given("")
    assert env.str("GIVEN", default="a") == "a"
    assert env.list("GIVEN", default=["a"]) == ["a"]


@pytest.mark.parametrize(("text", "number"), [("1", 1), (" 65535 ", 65_535)])
def test_a_number_is_within_its_limits(given, text, number):
    given(text)
    assert env.integer("GIVEN", default=5, maximum=65_535) == number


@pytest.mark.parametrize("text", ["0", "-1", "65536", "1.5", "1e3", "0x10", "\u0661", "many", "9" * 5000])
def test_any_other_number_is_refused(given, text):
    given(text)
    with pytest.raises(ImproperlyConfigured, match=r"^GIVEN must be an integer from 1 to 65535, not '.*'$"):
        env.integer("GIVEN", default=5, maximum=65_535)


def test_a_number_without_a_highest_has_a_lowest(given):
    given("0")
    with pytest.raises(ImproperlyConfigured, match="must be an integer of 1 or more"):
        env.integer("GIVEN", default=5)


@pytest.mark.parametrize(("text", "is_on"), [("1", True), ("True", True), ("on", True), ("0", False), ("NO", False)])
def test_a_switch_knows_the_usual_words(given, text, is_on):
    given(text)
    assert env.boolean("GIVEN", default=not is_on) is is_on


def test_a_switch_takes_no_guess(given):
    given("maybe")
    with pytest.raises(ImproperlyConfigured, match="GIVEN must be one of 1, true, yes, on, 0, false, no"):
        env.boolean("GIVEN", default=False)


def test_a_choice_is_one_of_its_words_in_any_case(given):
    given("error")
    assert env.choice("GIVEN", LEVELS, default="INFO") == "ERROR"
    given("loud")
    with pytest.raises(ImproperlyConfigured, match="GIVEN must be one of INFO, ERROR, not 'loud'"):
        env.choice("GIVEN", LEVELS, default="INFO")


def test_networks_are_looked_at_one_by_one(given):
    given("10.0.0.0/8, 192.0.2.1,, 2001:db8::/32")
    assert env.networks("GIVEN", default=[]) == ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]
    given("10.0.0.0/8, proxy.example.com")
    with pytest.raises(ImproperlyConfigured, match=r"GIVEN: 'proxy\.example\.com' is not an IP address or network"):
        env.networks("GIVEN", default=[])


def test_a_website_loses_its_last_slash(given):
    given("https://sign.example.com:8443/")
    assert env.site_url("GIVEN", default="") == "https://sign.example.com:8443"


@pytest.mark.parametrize(
    "text", ["sign.example.com", "ftp://sign.example.com", "https://", "http://a:port", "http://[a"]
)
def test_what_is_no_website_is_refused(given, text):
    given(text)
    with pytest.raises(ImproperlyConfigured, match="must begin with http:// or https:// and a host name"):
        env.site_url("GIVEN", default="")


@pytest.mark.parametrize("text", ["redis://:secret@host:6379/0", "rediss://host", "amqp://host//"])
def test_a_broker_is_an_address(given, text):
    given(text)
    assert env.broker("GIVEN", default="") == text


@pytest.mark.parametrize("text", ["host", "host:6379", "redis:host", "redis://:secret@host:port/0"])
def test_what_is_no_broker_is_refused_without_its_password(given, text):
    given(text)
    with pytest.raises(ImproperlyConfigured, match="GIVEN must be the URL of a broker") as refused:
        env.broker("GIVEN", default="")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("postgres://anna:a%40b@host:5432/name", "postgresql"),
        ("postgresql:///name?host=/run/postgresql", "postgresql"),
        ("sqlite:////var/lib/countersign.sqlite3", "sqlite3"),
    ],
)
def test_a_database_is_postgresql_or_sqlite(given, text, engine):
    given(text)
    assert env.database("GIVEN", default="")["ENGINE"] == f"django.db.backends.{engine}"


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "postgre://anna:secret@host/name",
        "mysql://anna:secret@host/name",
        "postgres://anna:secret@host:port/name",
    ],
)
def test_any_other_database_is_refused_without_its_password(given, text):
    given(text)
    with pytest.raises(ImproperlyConfigured, match="GIVEN must be the URL of a database: postgres://user") as refused:
        env.database("GIVEN", default="")
    assert "secret" not in str(refused.value)
