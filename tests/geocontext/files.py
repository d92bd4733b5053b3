"""Location databases for tests: a small one with the address of the examples, and MaxMind's if downloaded."""

import os
from pathlib import Path

import netaddr
import pytest
from django.conf import settings
from mmdb_writer import MMDBWriter

UTRECHT, UTRECHT_6 = "145.97.39.155", "2001:610:508::155"
MAXMIND = Path(settings.BASE_DIR, ".venv/test-data")
CITY = {
    "country": {"iso_code": "NL", "names": {"en": "The Netherlands", "nl": "Nederland"}},
    "subdivisions": [
        {"iso_code": "UT", "names": {"en": "Provincie Utrecht", "nl": "Provincie Utrecht (nl)"}},
        {"names": {"en": "a smaller part"}},
    ],
    "city": {"names": {"en": "Utrecht", "nl": "Utrecht (nl)"}},
}
FLAT = {"country_code": "NL", "region": "Provincie Utrecht", "city": "Utrecht"}


def write(path, record=CITY, *, kind="Test-City", addresses=(UTRECHT, UTRECHT_6), ip_version=6):
    """Write a location database and rename it to its path, as documented."""
    writer = MMDBWriter(ip_version, kind, ipv4_compatible=ip_version == 6, description="for tests")
    for address in addresses:
        writer.insert_network(netaddr.IPSet([address]), record)
    beside = path.with_name(f"{path.name}.new")
    writer.to_db_file(str(beside))
    os.replace(beside, path)
    return path


def maxmind(name):
    """Return the path of a test database of MaxMind."""
    path = MAXMIND / f"{name}.mmdb"
    if not path.exists():
        pytest.skip("MaxMind's test databases are not here: scripts/test-data.sh fetches them")
    return path
