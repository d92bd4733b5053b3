"""Environment variables: their values, defaults and one-line errors."""

from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings import service_urls
from config.settings.base import env

LEVELS = ("INFO", "ERROR")


@pytest.fixture
def set_variable(monkeypatch):
    """Set the environment variable under test."""
    return lambda text: monkeypatch.setenv("VARIABLE", text)


@pytest.mark.parametrize("text", ["", " "])
def test_empty_variable_has_its_default(set_variable, text):
    set_variable(text)
    assert env.integer("VARIABLE", default=5) == 5
    assert env.boolean("VARIABLE", default=True) is True
    assert env.choice("VARIABLE", LEVELS, default="INFO") == "INFO"
    assert env.networks("VARIABLE", default=["::1"]) == ["::1"]
    assert env.site_url("VARIABLE", default="http://localhost") == "http://localhost"
    assert env.broker("VARIABLE", default="") == ""
    assert env.database("VARIABLE", default="sqlite:////a/b")["NAME"] == "/a/b"


def test_empty_text_or_list_has_its_default(set_variable):
    set_variable("")
    assert env.str("VARIABLE", default="a") == "a"
    assert env.list("VARIABLE", default=["a"]) == ["a"]


@pytest.mark.parametrize(("text", "number"), [("1", 1), (" 65535 ", 65_535)])
def test_number_is_within_its_limits(set_variable, text, number):
    set_variable(text)
    assert env.integer("VARIABLE", default=5, maximum=65_535) == number


@pytest.mark.parametrize("text", ["0", "-1", "65536", "1.5", "1e3", "0x10", "\u0661", "many", "9" * 5000])
def test_invalid_number_is_rejected(set_variable, text):
    set_variable(text)
    with pytest.raises(ImproperlyConfigured, match=r"^VARIABLE must be an integer from 1 to 65535, not '.*'$"):
        env.integer("VARIABLE", default=5, maximum=65_535)


def test_number_has_a_minimum_without_a_maximum(set_variable):
    set_variable("0")
    with pytest.raises(ImproperlyConfigured, match="must be an integer of 1 or more"):
        env.integer("VARIABLE", default=5)


@pytest.mark.parametrize(("text", "is_on"), [("1", True), ("True", True), ("on", True), ("0", False), ("NO", False)])
def test_boolean_accepts_common_words(set_variable, text, is_on):
    set_variable(text)
    assert env.boolean("VARIABLE", default=not is_on) is is_on


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("", ""),
        (" ", ""),
        ("https://phone.example.com", "https://phone.example.com"),
        ("https://phone.example.com/", "https://phone.example.com"),
        ("https://phone.example.com:443", "https://phone.example.com"),
        ("http://phone.example.com:80/", "http://phone.example.com"),
        ("http://phone.example.com:443", "http://phone.example.com:443"),
        ("HTTPS://Phone.Example.com:8443", "https://phone.example.com:8443"),
    ],
)
def test_origin_has_another_host(set_variable, text, origin):
    set_variable(text)
    assert env.origin("VARIABLE", other_than="https://auth.example.com") == origin


@pytest.mark.parametrize(
    "text",
    [
        "https://auth.example.com",
        "https://AUTH.example.com:8443",
        "http://auth.example.com",
        "https://phone.example.com/path",
        "https://phone.example.com?a=b",
        "https://user@phone.example.com",
    ],
)
def test_origin_with_a_path_or_the_same_host_is_rejected(set_variable, text):
    set_variable(text)
    with pytest.raises(ImproperlyConfigured, match="VARIABLE must have another host name than PUBLIC_URL"):
        env.origin("VARIABLE", other_than="https://auth.example.com")


def test_boolean_rejects_other_words(set_variable):
    set_variable("maybe")
    with pytest.raises(ImproperlyConfigured, match="VARIABLE must be one of 1, true, yes, on, 0, false, no"):
        env.boolean("VARIABLE", default=False)


def test_choice_is_case_insensitive(set_variable):
    set_variable("error")
    assert env.choice("VARIABLE", LEVELS, default="INFO") == "ERROR"
    set_variable("loud")
    with pytest.raises(ImproperlyConfigured, match="VARIABLE must be one of INFO, ERROR, not 'loud'"):
        env.choice("VARIABLE", LEVELS, default="INFO")


def test_each_network_is_validated(set_variable):
    set_variable("10.0.0.0/8, 192.0.2.1,, 2001:db8::/32")
    assert env.networks("VARIABLE", default=[]) == ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]
    set_variable("10.0.0.0/8, proxy.example.com")
    with pytest.raises(ImproperlyConfigured, match=r"VARIABLE: 'proxy\.example\.com' is not an IP address or network"):
        env.networks("VARIABLE", default=[])


def test_site_url_loses_its_trailing_slash(set_variable):
    set_variable("https://sign.example.com:8443/")
    assert env.site_url("VARIABLE", default="") == "https://sign.example.com:8443"


@pytest.mark.parametrize(
    "text", ["sign.example.com", "ftp://sign.example.com", "https://", "http://a:port", "http://[a"]
)
def test_invalid_site_url_is_rejected(set_variable, text):
    set_variable(text)
    with pytest.raises(ImproperlyConfigured, match="must begin with http:// or https:// and a host name"):
        env.site_url("VARIABLE", default="")


@pytest.mark.parametrize(
    "text",
    [
        "redis://:secret@host:6379/0",
        "rediss://host",
        "amqp://host//",
        "redis+socket:///run/redis.sock?virtual_host=1",
        "sentinel://:s%40@a:26379;sentinel://:s%40@b:26379",
        "sqs://key:secret@",
    ],
)
def test_broker_url_is_valid(set_variable, text):
    set_variable(text)
    assert env.broker("VARIABLE", default="") == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        *(
            (url, "VARIABLE must be the URL of a broker")
            for url in ("host", "host:6379", "redis:host", "redis://a:port/0")
        ),
        ("https://:secret@host", "VARIABLE begins with https://, which is not a broker"),
        ("redis://:secret@host/name", "VARIABLE must end with the number of a Redis database"),
        ("redis://:se@cret@host", "VARIABLE contains special characters in the user name or the password"),
        ("redis://:secret@a..b/0", "VARIABLE contains an invalid host name"),
        ("redis://:se/cret@host", "VARIABLE contains special characters in the user name or the password"),
    ],
)
def test_invalid_broker_url_is_rejected_without_its_password(set_variable, text, error):
    set_variable(text)
    with pytest.raises(ImproperlyConfigured, match=error) as refused:
        env.broker("VARIABLE", default="")
    assert "cret" not in str(refused.value)


def test_schemes_of_brokers_are_the_transports_of_celery():
    from kombu.transport import TRANSPORT_ALIASES

    assert set(service_urls.BROKERS) == {name.lower() for name in TRANSPORT_ALIASES}


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("postgres://anna:a%40b@host:5432/name", "postgresql"),
        ("postgresql:///name?host=/run/postgresql", "postgresql"),
        ("postgres://anna:a:b@host/name?options=-csearch_path%3Da@b", "postgresql"),
        ("sqlite:////var/a@b/countersign.sqlite3", "sqlite3"),
        ("sqlite:////var/lib/countersign.sqlite3", "sqlite3"),
    ],
)
def test_database_is_postgresql_or_sqlite(set_variable, text, engine):
    set_variable(text)
    assert env.database("VARIABLE", default="")["ENGINE"] == f"django.db.backends.{engine}"


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "postgre://anna:secret@host/name",
        "mysql://anna:secret@host/name",
        "postgres://anna:secret@host:port/name",
    ],
)
def test_other_database_is_rejected_without_its_password(set_variable, text):
    set_variable(text)
    with pytest.raises(
        ImproperlyConfigured, match="VARIABLE must be the URL of a database: postgres://user"
    ) as refused:
        env.database("VARIABLE", default="")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("password", ["se@cret", "se#cret", "se/cret", "se?cret", "se%cret", "se[cret", "se cret", "@"])
def test_unencoded_characters_in_a_database_url_are_rejected(set_variable, password):
    set_variable(f"postgres://anna:{password}@host:5432/name")
    with pytest.raises(ImproperlyConfigured, match="special characters in the user name") as refused:
        env.database("VARIABLE", default="")
    assert "cret" not in str(refused.value)
    set_variable(f"postgres://anna:{quote(password, safe='')}@host:5432/name")
    assert env.database("VARIABLE", default="")["PASSWORD"] == password


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("postgres://anna:secret@host:5432", "VARIABLE has no database name"),
        ("postgres://anna:secret@host:5432/", "VARIABLE has no database name"),
        ("postgres://anna:secret@a..b/name", "VARIABLE contains an invalid host name"),
        (f"postgres://anna:secret@host,{'a' * 64}/name", "VARIABLE contains an invalid host name"),
        ("postgres://anna:sec%00ret@host/name", "VARIABLE contains control characters"),
        ("sqlite://countersign.sqlite3", "VARIABLE must have four slashes"),
    ],
)
def test_incomplete_or_invalid_database_url_is_rejected(set_variable, text, error):
    set_variable(text)
    with pytest.raises(ImproperlyConfigured, match=error):
        env.database("VARIABLE", default="")


def test_directory_is_created_and_must_be_a_directory(set_variable, tmp_path):
    set_variable(str(tmp_path / "new" / "directory"))
    assert env.directory("VARIABLE", default=tmp_path).is_dir()
    (tmp_path / "file").touch()
    set_variable(str(tmp_path / "file"))
    with pytest.raises(ImproperlyConfigured, match=r"VARIABLE: the directory .*/file cannot be created: File exists"):
        env.directory("VARIABLE", default=tmp_path)
