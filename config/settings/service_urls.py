"""Validate DATABASE_URL and BROKER_URL. Errors do not contain the URL, which can contain a password."""

import re
import ssl
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

DATABASES = ("postgres", "postgresql", "sqlite")
# The transports of kombu, which takes long to import. A test compares them.
BROKERS = (
    *("amqp", "amqps", "azureservicebus", "azurestoragequeues", "confluentkafka", "consul", "etcd", "filesystem"),
    *("gcpubsub", "kafka", "librabbitmq", "memory", "mongodb", "pgmq", "pyamqp", "pyro", "qpid", "redis", "rediss"),
    *("sentinel", "slmq", "sqla", "sqlalchemy", "sqs", "zookeeper"),
)
CREDENTIALS = re.compile(r"([^\s@\[\]%]|%[0-9A-Fa-f]{2})*")
ENCODINGS = "%40 for @, %23 for #, %2F for /, %3F for ?, %25 for %"


def require_database(name: str, url: str) -> None:
    """Raise ImproperlyConfigured if `url` is not the URL of a PostgreSQL or SQLite database."""
    if not url.startswith("sqlite:"):
        require_percent_encoding(name, url)
        require_valid_hosts(name, url)
    parts = split(url)
    if not parts or parts.scheme not in DATABASES or "://" not in url:
        raise ImproperlyConfigured(
            f"{name} must be the URL of a database: postgres://user:password@host:5432/name or sqlite:////path; "
            f"percent-encode special characters in the user name and the password ({ENCODINGS})"
        )
    if parts.scheme == "sqlite" and parts.netloc not in ("", ":memory:"):
        raise ImproperlyConfigured(f"{name} must have four slashes before an absolute path: sqlite:////path")
    if parts.scheme != "sqlite" and not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name} has no database name: postgres://user:password@host:5432/name")


def require_broker(name: str, url: str) -> None:
    """Raise ImproperlyConfigured if `url` is not the URL of a broker, or a list of URLs separated by semicolons."""
    for part in re.split(r";(?=\w+://)", url):
        require_percent_encoding(name, part)
        require_valid_hosts(name, part)
        parts = split(part)
        if not parts or not part.startswith(f"{parts.scheme}://"):
            raise ImproperlyConfigured(f"{name} must be the URL of a broker, for example redis://host:6379/0")
        if parts.scheme.partition("+")[0] not in BROKERS:
            raise ImproperlyConfigured(
                f"{name} begins with {parts.scheme}://, which is not a broker; use redis://host:6379/0 or another "
                "broker that Celery supports"
            )
        number = parts.path.strip("/")
        if parts.scheme in ("redis", "rediss") and number and not (number.isascii() and number.isdecimal()):
            raise ImproperlyConfigured(f"{name} must end with the number of a Redis database: redis://host:6379/0")


def broker_tls(url: str) -> dict[str, Any] | None:
    """Return the options of Celery for a broker over TLS. Parameters of the URL that begin with `ssl_` replace them.

    Celery does not verify the certificate of Redis by default.
    """
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if url.startswith("rediss://") else None


def require_percent_encoding(name: str, url: str) -> None:
    """Raise ImproperlyConfigured if the user name or the password has characters that end this part of the URL."""
    remainder = url.partition("://")[2]
    authority = re.split(r"[/?#]", remainder, maxsplit=1)[0]
    after = remainder[len(authority) :]
    # A query can contain an @, but only after a path.
    is_cut = "@" in (after.partition("?")[0] if after.startswith("/") else after)
    if is_cut or not CREDENTIALS.fullmatch(authority.rpartition("@")[0]):
        raise ImproperlyConfigured(
            f"{name} contains special characters in the user name or the password; percent-encode them: {ENCODINGS}"
        )


def require_valid_hosts(name: str, url: str) -> None:
    """Raise ImproperlyConfigured if a host name cannot be resolved at all, or if the URL has control characters."""
    hosts = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    try:
        for host in hosts.split(","):
            # Labels must not be empty or longer than 63 characters. A name can end with a period.
            host.partition(":")[0].rstrip(".").encode("idna")
    except UnicodeError:
        raise ImproperlyConfigured(f"{name} contains an invalid host name") from None
    if re.search(r"[\x00-\x1f]|%[01][0-9A-Fa-f]", url):
        raise ImproperlyConfigured(f"{name} contains control characters")


def split(url: str) -> Any:
    """Return the parts of a URL, or None if it is invalid, for example because of its port."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return None
    return parts
