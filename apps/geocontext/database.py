"""Location database: opened once per process, and again after the file is replaced."""

import os
import stat
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import maxminddb
import structlog
from django.utils.translation import gettext as _

from apps.geocontext import layouts
from apps.geocontext.locations import Address, Failure, Location, is_private_or_reserved, private_address_failure

log = structlog.get_logger(__name__)

# Records to inspect for countries and cities: some networks have no location.
SAMPLE_SIZE = 100
FileSignature = tuple[int, int, int, int]


@dataclass(frozen=True)
class LocationDatabase:
    """Opened location database. `kind` is the database type of its metadata.

    `has_cities` is True if its records contain cities. Without `has_ipv6`, the reader rejects IPv6 addresses.
    """

    path: str
    kind: str
    built_at: datetime
    has_cities: bool
    has_ipv6: bool
    reader: maxminddb.Reader


_lock = threading.Lock()
_opened: dict[str, tuple[FileSignature, LocationDatabase | Failure]] = {}


def locate(path: str, address: Address, language: str) -> Location | Failure:
    """Return the location of an address, with names in `language` or in English."""
    database = open_database(path)
    if isinstance(database, Failure):
        return database
    if address.version == 6 and not database.has_ipv6:
        return (
            private_address_failure()
            if is_private_or_reserved(address)
            else Failure(_("The location database contains no IPv6 addresses."))
        )
    try:
        location = layouts.read(database.reader.get(address), language)
    except Exception as error:  # noqa: BLE001 - a corrupt file must not prevent the message
        return _broken(error)
    if location:
        return location
    return (
        private_address_failure()
        if is_private_or_reserved(address)
        else Failure(_("The location database has no location for the IP address."))
    )


def open_database(path: str) -> LocationDatabase | Failure:
    """Return the database, which is opened again if the file has changed.

    The file is checked on every call, which takes about a microsecond: reading from a file that was overwritten in
    place would crash the process.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        return _unreadable(error)
    if not stat.S_ISREG(status.st_mode):
        return Failure(_("The path of the location database is not a regular file."))
    signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    cached = _opened.get(path)
    if cached is None or cached[0] != signature:
        cached = _reopen(path, signature)
    return cached[1]


def _reopen(path: str, signature: FileSignature) -> tuple[FileSignature, LocationDatabase | Failure]:
    with _lock:
        cached = _opened.get(path)
        if cached is None or cached[0] != signature:
            # Other threads can still read from the old database, which is closed after its last use.
            cached = _opened[path] = (signature, _open(path))
    return cached


def _open(path: str) -> LocationDatabase | Failure:
    try:
        reader = maxminddb.open_database(path)
        metadata = reader.metadata()
        kind, built_at = str(metadata.database_type), datetime.fromtimestamp(metadata.build_epoch, UTC)
        has_ipv6 = metadata.ip_version == 6
        locations = [layouts.read(record, "en") for _network, record in islice(reader, SAMPLE_SIZE)]
    except OSError as error:
        return _unreadable(error)
    except Exception as error:  # noqa: BLE001 - a corrupt file must not prevent the message
        return _broken(error)
    if not any(locations):
        return Failure(_("The location database (%(kind)s) contains no countries.") % {"kind": kind})
    log.info("location_database_opened", path=path, kind=kind, built_at=built_at.isoformat())
    has_cities = any(location.city for location in locations if location)
    return LocationDatabase(path, kind, built_at, has_cities, has_ipv6, reader)


def _unreadable(error: Exception) -> Failure:
    if isinstance(error, FileNotFoundError):
        return Failure(_("The location database is missing."))
    reason = getattr(error, "strerror", None) or type(error).__name__
    return Failure(_("The location database cannot be read (%(reason)s).") % {"reason": reason})


def _broken(error: Exception) -> Failure:
    return Failure(_("The location database is corrupt (%(reason)s).") % {"reason": type(error).__name__})
