"""The location file: opened once a process, and again whenever another one stands in its place."""

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
from apps.geocontext.locations import Address, Failure, Location, is_nowhere, nowhere

log = structlog.get_logger(__name__)

# Some networks have no place; among the first hundred of a file with places, some have one.
RECORDS_TRIED = 100
Signature = tuple[int, int, int, int]


@dataclass(frozen=True)
class File:
    """An opened file. `kind` is its maker's name for what it holds; `has_cities` says whether it names cities.

    A file of IPv4 addresses alone cannot be asked about others: its reader refuses them.
    """

    path: str
    kind: str
    built_at: datetime
    has_cities: bool
    has_ipv6: bool
    reader: maxminddb.Reader


_lock = threading.Lock()
_opened: dict[str, tuple[Signature, File | Failure]] = {}


def locate(path: str, address: Address, language: str) -> Location | Failure:
    """Look an address up, with names in `language` or in English."""
    file = opened(path)
    if isinstance(file, Failure):
        return file
    if address.version == 6 and not file.has_ipv6:
        return nowhere() if is_nowhere(address) else Failure(_("The location file knows no IPv6 addresses."))
    try:
        found = layouts.read(file.reader.get(address), language)
    except Exception as error:  # noqa: BLE001 - whatever a broken file does to its reader, the message goes out
        return _broken(error)
    if found:
        return found
    return nowhere() if is_nowhere(address) else Failure(_("The location file does not know the IP address."))


def opened(path: str) -> File | Failure:
    """Return the file as it is now.

    It is looked at each time, which costs a millionth of a second: what reads from a file that somebody overwrites in
    place would be killed by the system.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        return _unreadable(error)
    if not stat.S_ISREG(status.st_mode):
        return Failure(_("What stands in the place of the location file is no file."))
    signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    known = _opened.get(path)
    if known is None or known[0] != signature:
        known = _reopen(path, signature)
    return known[1]


def _reopen(path: str, signature: Signature) -> tuple[Signature, File | Failure]:
    with _lock:
        known = _opened.get(path)
        if known is None or known[0] != signature:
            # Another thread may still read from the old one: it closes when the last of them lets it go.
            known = _opened[path] = (signature, _open(path))
    return known


def _open(path: str) -> File | Failure:
    try:
        reader = maxminddb.open_database(path)
        metadata = reader.metadata()
        kind, built_at = str(metadata.database_type), datetime.fromtimestamp(metadata.build_epoch, UTC)
        has_ipv6 = metadata.ip_version == 6
        locations = [layouts.read(record, "en") for _network, record in islice(reader, RECORDS_TRIED)]
    except OSError as error:
        return _unreadable(error)
    except Exception as error:  # noqa: BLE001 - whatever a broken file does to its reader, the message goes out
        return _broken(error)
    if not any(locations):
        return Failure(_("The location file is of another kind (%(kind)s): it names no countries.") % {"kind": kind})
    log.info("location_file_opened", path=path, kind=kind, built_at=built_at.isoformat())
    has_cities = any(location.city for location in locations if location)
    return File(path, kind, built_at, has_cities, has_ipv6, reader)


def _unreadable(error: Exception) -> Failure:
    if isinstance(error, FileNotFoundError):
        return Failure(_("The location file is missing."))
    reason = getattr(error, "strerror", None) or type(error).__name__
    return Failure(_("The location file cannot be read (%(reason)s).") % {"reason": reason})


def _broken(error: Exception) -> Failure:
    return Failure(_("The location file is broken (%(reason)s).") % {"reason": type(error).__name__})
