"""Parsing of the records of a location database.

There are two layouts: nested, as in the City databases of MaxMind (https://dev.maxmind.com/geoip/docs/databases),
DB-IP and IP2Location; and flat, as in the databases of IPinfo and ip-location-db.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.common import languages
from apps.geocontext.locations import Location, clean

# The first existing member is used.
COUNTRY_NAMES = ("country_code", "country_iso_code", "countryCode", "country")
REGION_NAMES = ("region", "region_name", "regionName", "state1", "state", "stateprov")
CITY_NAMES = ("city", "city_name", "cityName")


def read(record: object, language: str) -> Location | None:
    """Return the location of a record, with names in `language` or in English, or None if it has no country."""
    if not isinstance(record, Mapping):
        return None
    is_nested = isinstance(record.get("country"), Mapping)
    location = _nested(record, language) if is_nested else _flat(record)
    return location if location.country_code else None


def _nested(record: Mapping[Any, Any], language: str) -> Location:
    subdivisions = record.get("subdivisions")
    first = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    return Location(
        _text(record["country"].get("iso_code")), _name(first, language), _name(record.get("city"), language)
    )


def _name(part: object, language: str) -> str:
    names = part.get("names") if isinstance(part, Mapping) else None
    if not isinstance(names, Mapping):
        return ""
    return clean(languages.pick({str(code): _text(name) for code, name in names.items()}, language))


def _flat(record: Mapping[Any, Any]) -> Location:
    return Location(_first(record, COUNTRY_NAMES), _first(record, REGION_NAMES), _first(record, CITY_NAMES))


def _first(record: Mapping[Any, Any], names: Iterable[str]) -> str:
    return next((text for name in names if (text := _text(record.get(name)))), "")


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""
