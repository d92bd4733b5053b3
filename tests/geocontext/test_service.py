"""Locations from the geolocation service: concurrent lookups outside `compose`, cached for a day."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.events.types import EventTypes
from apps.geocontext import services
from apps.geocontext.models import Geolocation, LocatedAddress
from apps.geocontext.services import Failure, Location, Origin
from apps.system.models import Features
from config.settings.environment import Environment
from config.settings.proxy import external_proxy
from tests.fakes.geolocation import KEY, UTRECHT, json_response
from tests.fakes.web_proxy import WebProxy

pytestmark = pytest.mark.django_db
MESSAGE = "You are logging into the XYZ portal"
LOCATION = Location("NL", "Provincie Utrecht", "Utrecht")
# Failures of the service, each with a part of its reason.
FAILURES = [
    ({"delay": 30}, "is unavailable (Operation timed out"),
    ({"status": 200, "trickle": 30, "body": "{}"}, "is unavailable (Operation timed out"),
    # Repeated, because libcurl repeats a request on a broken connection.
    ({"reset": True, "repeat": True}, "is unavailable ("),
    ({"status": 500, "body": "broken"}, "returned HTTP 500."),
    ({"status": 302, "headers": {"Location": "/elsewhere"}}, "returned HTTP 302."),
    ({"status": 200, "body": "<html>busy</html>"}, "is not valid JSON."),
    ({"status": 200, "body": "[" * 10_000}, "is not valid JSON."),
    ({"status": 200, "body": "x" * 100_000}, "is too large."),
    (json_response([UTRECHT]), "is not a JSON object."),
    (json_response({"country_code": "NL", "city": "Utrecht"}), "lacks “region”."),
    (json_response({**UTRECHT, "city": 3512}), "“city” in the response of the geolocation service is not a string."),
    (json_response({**UTRECHT, "country_code": None}), "has no location for the IP address."),
    (json_response({**UTRECHT, "country_code": " "}), "has no location for the IP address."),
]


def origin(ip_address, user_agent=""):
    return Origin(ip_address, user_agent, "en")


def look_up(*origins, **options):
    """Look up pairs of an item and an address; returns the locations by item."""
    return dict(pair for batch in services.look_up(origins, **options) for pair in batch)


def test_message_gets_its_location_from_the_service(service):
    assert services.is_enabled()
    assert services.compose(MESSAGE, origin("8.8.8.8")) is None
    assert not service.received

    found = look_up(("transaction", "8.8.8.8"))["transaction"]
    assert found == LOCATION
    [request] = service.received
    assert request["path"] == "/locations/key%2Fof%20the%2Bservice%3F/8.8.8.8"

    composed = services.compose_with(MESSAGE, origin("8.8.8.8"), found)
    assert composed.text == f"{MESSAGE} Device:  , Location: NL, Provincie Utrecht, Utrecht"
    assert (composed.event_type, composed.reason) == (EventTypes.GEOLOCATION_CHECK_SUCCESS, "")
    # The location is cached now.
    assert services.compose(MESSAGE, origin("::ffff:8.8.8.8")) == composed


def test_addresses_are_looked_up_concurrently_and_once_each(service):
    ips = [f"8.8.{number}.8" for number in range(20)]
    found = look_up(*[((ip, copy), ip) for ip in ips for copy in (1, 2)])
    assert found == {(ip, copy): LOCATION for ip in ips for copy in (1, 2)}
    assert sorted(request["key"] for request in service.received) == sorted(ips)

    asked = look_up(*[(ip, ip) for ip in ips], ("new", "2001:4860::8"))
    assert asked == {**dict.fromkeys(ips, LOCATION), "new": LOCATION}
    assert len(service.received) == 21
    assert service.received[-1]["path"].endswith("/2001%3A4860%3A%3A8")


def test_service_failure_has_a_reason_without_secrets_and_is_not_cached(service):
    for number, (answer, _reason) in enumerate(FAILURES):
        service.script[f"9.9.9.{number}"] = [answer]
    found = look_up(*[(number, f"9.9.9.{number}") for number in range(len(FAILURES))], ("good", "8.8.8.8"))
    service.release()
    assert found.pop("good") == LOCATION
    for number, (_answer, reason) in enumerate(FAILURES):
        assert isinstance(found[number], Failure)
        assert reason in found[number].reason
        assert KEY not in found[number].reason
        assert "9.9.9." not in found[number].reason
        composed = services.compose_with(MESSAGE, origin(f"9.9.9.{number}"), found[number])
        assert (composed.text, composed.event_type) == (MESSAGE, EventTypes.GEOLOCATION_CHECK_FAILED)
        assert composed.reason == found[number].reason
    assert LocatedAddress.objects.count() == 1
    assert services.compose(MESSAGE, origin("9.9.9.3")) is None


def test_unavailable_service_has_a_reason(db):
    Geolocation.objects.create(url="http://127.0.0.1:9/", key=KEY)
    assert "is unavailable (" in look_up(("transaction", "8.8.8.8"))["transaction"].reason


def test_service_can_return_the_country_only(service):
    service.script["8.8.8.8"] = [json_response({"country_code": "NL", "region": None, "city": "", "more": [1]})]
    assert look_up((1, "8.8.8.8")) == {1: Location("NL")}


def test_values_of_the_service_cannot_reorder_the_message_and_can_be_stored(service):
    answer = {"country_code": "N\u202eL", "region": "a\x00b\ud800\nc", "city": "x" * 3000}
    service.script["8.8.8.8"] = [json_response(answer)]
    assert look_up((1, "8.8.8.8")) == {1: Location("NL", "abc", "x" * 1024)}
    assert services.compose("", origin("8.8.8.8")).text.endswith("NL, abc, " + "x" * 1024)


@pytest.mark.parametrize("address", ["10.1.2.3", "::1", "169.254.169.254", "fe80::1%eth0", "1.2.3", "x" * 300])
def test_service_is_not_called_for_private_addresses(service, address):
    composed = services.compose(MESSAGE, origin(address))
    assert (composed.text, composed.event_type) == (MESSAGE, EventTypes.GEOLOCATION_CHECK_FAILED)
    assert look_up((1, address)) == {1: Failure(composed.reason)}
    assert not service.received


def test_location_is_cached_for_a_day_and_then_replaced(service):
    with time_machine.travel(timezone.now() - timedelta(hours=25), tick=False):
        look_up((1, "8.8.8.8"), (2, "8.8.4.4"))
        assert services.compose("", origin("8.8.8.8")) is not None
    assert services.compose("", origin("8.8.8.8")) is None
    look_up((1, "8.8.8.8"))
    assert len(service.received) == 3
    assert services.delete_expired() == 1
    assert services.delete_expired() == 0
    assert services.compose("", origin("8.8.8.8")) is not None


def test_each_service_has_its_own_cache(service):
    look_up((1, "8.8.8.8"))
    Geolocation.objects.update(url=f"{service.url}/other")
    assert services.compose("", origin("8.8.8.8")) is None


def test_cache_contains_no_addresses(service):
    look_up((1, "8.8.8.8"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM geocontext_locatedaddress")
        assert "8.8.8.8" not in str(cursor.fetchall())


def test_callback_runs_before_the_service_is_called(service):
    request_counts = []
    look_up((1, "8.8.8.8"), before_waiting=lambda: request_counts.append(len(service.received)))
    assert request_counts == [0]


def test_service_is_called_through_the_external_proxy(service, settings, monkeypatch):
    with WebProxy() as proxy:
        prefix = "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_"
        for name, value in {"ENABLED_BOOLEAN": "true", "HOST": "127.0.0.1", "PORT": str(proxy.port)}.items():
            monkeypatch.setenv(prefix + name, value)
        settings.EXTERNAL_PROXY = external_proxy(Environment())
        assert look_up((1, "8.8.8.8")) == {1: LOCATION}
        assert {request["headers"]["peer"] for request in service.received} <= proxy.peers


def test_undecryptable_key_has_a_reason(service, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes!"]
    found = look_up((1, "8.8.8.8"))[1]
    assert found == Failure("The key of the geolocation service cannot be decrypted; enter it again.")
    assert not service.received


def test_context_requires_the_feature_and_a_source(service, settings, db):
    features = Features.get_solo()
    features.geolocation = False
    features.save()
    assert not services.is_enabled()
    features.geolocation = True
    features.save()
    Geolocation.objects.update(url="")
    assert not services.is_enabled()
    settings.GEOCONTEXT_DATABASE = "somewhere.mmdb"
    assert services.is_enabled()
