"""Locations from the location database: secure messages with context, and failures."""

import os
import threading

import pytest

from apps.events.types import EventTypes
from apps.geocontext import services
from apps.geocontext.services import Origin
from tests.geocontext import files
from tests.geocontext.files import FLAT, UTRECHT, UTRECHT_6

pytestmark = pytest.mark.django_db
MESSAGE = "You are logging into the XYZ portal"
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_3) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/73.0.3683.86 Safari/537.36"
)
EXAMPLE = f"{MESSAGE} Device: Mac 10.14 Chrome 73.0, Location: NL, Provincie Utrecht, Utrecht"


def compose(ip_address=UTRECHT, user_agent=CHROME, language="en"):
    return services.compose(MESSAGE, Origin(ip_address, user_agent, language))


def failure(ip_address=UTRECHT):
    """Return the reason of a failure, and check that the message is unchanged."""
    composed = compose(ip_address)
    assert (composed.text, composed.event_type) == (MESSAGE, EventTypes.GEOLOCATION_CHECK_FAILED)
    assert ip_address not in composed.reason
    return composed.reason


def test_message_has_operating_system_browser_and_location(location_file):
    assert services.is_enabled()
    for address in (UTRECHT, f"::ffff:{UTRECHT}", UTRECHT_6, UTRECHT_6.upper()):
        composed = compose(address)
        assert (composed.text, composed.reason) == (EXAMPLE, "")
        assert composed.event_type == EventTypes.GEOLOCATION_CHECK_SUCCESS


def test_maxmind_city_database_is_supported(settings):
    settings.GEOCONTEXT_DATABASE = str(files.maxmind("GeoIP2-City-Test"))
    assert compose("2.125.160.216").text.endswith("Location: GB, England, Boxford")
    assert compose("81.2.69.142", language="fr").text.endswith("Location: GB, Angleterre, Londres")
    assert compose("81.2.69.142", language="pt-BR").text.endswith("Location: GB, Inglaterra, Londres")
    # The database has no German name of England: English is used.
    assert compose("81.2.69.142", language="de-AT").text.endswith("Location: GB, England, London")
    assert compose("2001:218::1").text.endswith("Location: JP, , ")
    assert failure("145.97.39.155") == "The location database has no location for the IP address."


@pytest.mark.parametrize(
    "record",
    [
        FLAT,
        {"country": "NL", "region": "Provincie Utrecht", "city": "Utrecht"},
        {"country": "The Netherlands", "country_code": "NL", "region": "Provincie Utrecht", "city": "Utrecht"},
        {"country_code": "NL", "state1": "Provincie Utrecht", "state2": "", "city": "Utrecht"},
        {"country_code": "NL", "region_name": "Provincie Utrecht", "city_name": "Utrecht"},
    ],
)
def test_flat_records_are_supported(location_file, record):
    files.write(location_file, record)
    assert compose().text == EXAMPLE


def test_names_are_in_the_language_of_the_request_or_in_english(location_file):
    assert compose(language="nl-BE").text.endswith("Location: NL, Provincie Utrecht (nl), Utrecht (nl)")
    assert compose(language="fr").text == EXAMPLE


@pytest.mark.parametrize(
    ("ip_address", "user_agent", "text"),
    [
        (UTRECHT, "", f"{MESSAGE} Device:  , Location: NL, Provincie Utrecht, Utrecht"),
        (UTRECHT, "nonsense", f"{MESSAGE} Device:  , Location: NL, Provincie Utrecht, Utrecht"),
        ("", CHROME, f"{MESSAGE} Device: Mac 10.14 Chrome 73.0, Location: , , "),
        ("", "", MESSAGE),
    ],
)
def test_missing_parameters_leave_their_placeholders_empty(location_file, ip_address, user_agent, text):
    composed = compose(ip_address, user_agent)
    skipped = composed.event_type == EventTypes.GEOLOCATION_CHECK_SKIPPED_DATA_MISSING
    assert (composed.text, skipped) == (text, not ip_address)
    assert bool(composed.reason) == skipped


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "fe80::1%eth0", "::ffff:192.168.1.1", "100.64.0.1"])
def test_private_address_leaves_the_message_unchanged(location_file, address):
    assert failure(address) == "The IP address is private or reserved."


def test_database_can_contain_private_networks(location_file):
    files.write(location_file, FLAT, addresses=["10.1.2.3"])
    assert compose("10.1.2.3").text == EXAMPLE


def test_invalid_or_unknown_address_leaves_the_message_unchanged(location_file):
    assert failure("1.2.3") == "The IP address is malformed."
    assert failure("145.97.39.156") == "The location database has no location for the IP address."


def test_ipv4_database_has_no_location_for_ipv6_addresses(location_file):
    files.write(location_file, addresses=[UTRECHT], ip_version=4)
    assert compose().text == EXAMPLE
    assert compose(f"::ffff:{UTRECHT}").text == EXAMPLE
    assert failure("145.97.39.156") == "The location database has no location for the IP address."
    assert failure(UTRECHT_6) == "The location database contains no IPv6 addresses."
    assert failure("::1") == "The IP address is private or reserved."


def test_replaced_database_is_used_at_once_and_an_invalid_one_has_a_reason(location_file, tmp_path):
    assert compose().text == EXAMPLE

    files.write(location_file, {**FLAT, "city": "Amersfoort"})
    assert compose().text.endswith("Utrecht, Amersfoort")

    whole = location_file.read_bytes()
    truncated = tmp_path / "truncated"
    truncated.write_bytes(whole[: len(whole) // 2])
    os.replace(truncated, location_file)
    assert failure() == "The location database is corrupt (InvalidDatabaseError)."

    location_file.write_bytes(b"")
    assert failure().startswith("The location database ")

    files.write(location_file, {"autonomous_system_number": 1103}, kind="Test-ASN")
    assert failure() == "The location database (Test-ASN) contains no countries."

    location_file.unlink()
    assert failure() == "The location database is missing."

    location_file.mkdir()
    assert failure() == "The path of the location database is not a regular file."
    location_file.rmdir()

    files.write(location_file)
    assert compose().text == EXAMPLE


def test_database_overwritten_in_place_does_not_crash_the_process(location_file):
    assert compose().text == EXAMPLE
    size = location_file.stat().st_size
    with location_file.open("r+b") as opened:
        opened.truncate(100)
        assert failure().startswith("The location database is corrupt ")
        opened.write(b"\0" * size)
    assert failure().startswith("The location database is corrupt ")


def test_corrupt_or_unsuitable_maxmind_database_has_a_reason(settings):
    settings.GEOCONTEXT_DATABASE = str(files.maxmind("GeoLite2-ASN-Test"))
    assert "(GeoLite2-ASN) contains no countries" in failure("1.128.0.0")
    for name in ("GeoIP2-City-Test-Broken-Double-Format", "GeoIP2-City-Test-Invalid-Node-Count"):
        settings.GEOCONTEXT_DATABASE = str(files.maxmind(name))
        assert failure("81.2.69.142").startswith("The location database is corrupt (")


def test_threads_can_look_up_while_the_database_is_replaced(location_file, settings):
    stop, seen, problems = threading.Event(), set(), []

    def look_up():
        try:
            while not stop.is_set():
                found = services.database.locate(str(location_file), services.parse(UTRECHT), "en")
                seen.add(found.city)
        except Exception as error:  # noqa: BLE001 - reported by the test itself
            problems.append(error)

    threads = [threading.Thread(target=look_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(40):
        files.write(location_file, files.CITY if number % 2 else {**FLAT, "city": "Amersfoort"})
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert seen
    assert seen <= {"Utrecht", "Amersfoort"}


def test_values_cannot_reorder_or_forge_the_message(location_file):
    files.write(
        location_file,
        {"country_code": "N\u202eL", "region": "one\ntwo\x1b[31m\u2066", "city": "[message][browser]" + "x" * 2000},
    )
    text = compose().text
    assert text.startswith(f"{MESSAGE} Device: Mac 10.14 Chrome 73.0, Location: NL, onetwo[31m, [message][browser]x")
    assert len(text.rpartition(", ")[2]) == 1024


def test_one_time_password_without_message_has_only_the_context(location_file):
    assert services.compose("", Origin(UTRECHT, CHROME, "en")).text == EXAMPLE.removeprefix(f"{MESSAGE} ")
