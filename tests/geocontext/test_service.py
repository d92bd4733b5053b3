"""Locations from an HTTP service: asked for many addresses at once, never by `compose`, remembered for a day."""

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
# Faults of the service, each with a part of the reason that is told.
FAULTS = [
    ({"delay": 30}, "is unavailable (Operation timed out"),
    ({"status": 200, "trickle": 30, "body": "{}"}, "is unavailable (Operation timed out"),
    # Again and again: libcurl repeats a request whose connection breaks.
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


def ask(*origins, **options):
    """Ask about pairs of an item and an address; returns what was found by item."""
    return dict(pair for batch in services.look_up(origins, **options) for pair in batch)


def test_a_message_waits_for_the_service_and_then_says_where_the_request_comes_from(service):
    assert services.is_enabled()
    assert services.compose(MESSAGE, origin("8.8.8.8")) is None
    assert not service.received

    found = ask(("transaction", "8.8.8.8"))["transaction"]
    assert found == LOCATION
    [request] = service.received
    assert request["path"] == "/locations/key%2Fof%20the%2Bservice%3F/8.8.8.8"

    composed = services.compose_with(MESSAGE, origin("8.8.8.8"), found)
    assert composed.text == f"{MESSAGE} Device:  , Location: NL, Provincie Utrecht, Utrecht"
    assert (composed.event_type, composed.reason) == (EventTypes.GEOLOCATION_CHECK_SUCCESS, "")
    # From now on it is known.
    assert services.compose(MESSAGE, origin("::ffff:8.8.8.8")) == composed


def test_many_addresses_are_asked_for_at_once_and_each_once(service):
    ips = [f"8.8.{number}.8" for number in range(20)]
    found = ask(*[((ip, copy), ip) for ip in ips for copy in (1, 2)])
    assert found == {(ip, copy): LOCATION for ip in ips for copy in (1, 2)}
    assert sorted(request["key"] for request in service.received) == sorted(ips)

    asked = ask(*[(ip, ip) for ip in ips], ("new", "2001:4860::8"))
    assert asked == {**dict.fromkeys(ips, LOCATION), "new": LOCATION}
    assert len(service.received) == 21
    assert service.received[-1]["path"].endswith("/2001%3A4860%3A%3A8")


def test_every_fault_of_the_service_is_a_reason_without_key_and_address_and_is_not_remembered(service):
    for number, (answer, _reason) in enumerate(FAULTS):
        service.script[f"9.9.9.{number}"] = [answer]
    found = ask(*[(number, f"9.9.9.{number}") for number in range(len(FAULTS))], ("good", "8.8.8.8"))
    service.release()
    assert found.pop("good") == LOCATION
    for number, (_answer, reason) in enumerate(FAULTS):
        assert isinstance(found[number], Failure)
        assert reason in found[number].reason
        assert KEY not in found[number].reason
        assert "9.9.9." not in found[number].reason
        composed = services.compose_with(MESSAGE, origin(f"9.9.9.{number}"), found[number])
        assert (composed.text, composed.event_type) == (MESSAGE, EventTypes.GEOLOCATION_CHECK_FAILED)
        assert composed.reason == found[number].reason
    assert LocatedAddress.objects.count() == 1
    assert services.compose(MESSAGE, origin("9.9.9.3")) is None


def test_a_service_that_is_down_is_a_reason(db):
    Geolocation.objects.create(url="http://127.0.0.1:9/", key=KEY)
    assert "is unavailable (" in ask(("transaction", "8.8.8.8"))["transaction"].reason


def test_a_service_may_know_the_country_alone(service):
    service.script["8.8.8.8"] = [json_response({"country_code": "NL", "region": None, "city": "", "more": [1]})]
    assert ask((1, "8.8.8.8")) == {1: Location("NL")}


def test_what_the_service_says_cannot_move_the_text_or_break_the_store(service):
    answer = {"country_code": "N\u202eL", "region": "a\x00b\ud800\nc", "city": "x" * 3000}
    service.script["8.8.8.8"] = [json_response(answer)]
    assert ask((1, "8.8.8.8")) == {1: Location("NL", "abc", "x" * 1024)}
    assert services.compose("", origin("8.8.8.8")).text.endswith("NL, abc, " + "x" * 1024)


@pytest.mark.parametrize("address", ["10.1.2.3", "::1", "169.254.169.254", "fe80::1%eth0", "1.2.3", "x" * 300])
def test_nobody_is_asked_about_an_address_that_nobody_can_know(service, address):
    composed = services.compose(MESSAGE, origin(address))
    assert (composed.text, composed.event_type) == (MESSAGE, EventTypes.GEOLOCATION_CHECK_FAILED)
    assert ask((1, address)) == {1: Failure(composed.reason)}
    assert not service.received


def test_an_answer_is_forgotten_after_a_day_and_a_newer_one_takes_its_place(service):
    with time_machine.travel(timezone.now() - timedelta(hours=25), tick=False):
        ask((1, "8.8.8.8"), (2, "8.8.4.4"))
        assert services.compose("", origin("8.8.8.8")) is not None
    assert services.compose("", origin("8.8.8.8")) is None
    ask((1, "8.8.8.8"))
    assert len(service.received) == 3
    assert services.delete_expired() == 1
    assert services.delete_expired() == 0
    assert services.compose("", origin("8.8.8.8")) is not None


def test_another_service_is_asked_anew(service):
    ask((1, "8.8.8.8"))
    Geolocation.objects.update(url=f"{service.url}/other")
    assert services.compose("", origin("8.8.8.8")) is None


def test_the_store_does_not_hold_addresses(service):
    ask((1, "8.8.8.8"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM geocontext_locatedaddress")
        assert "8.8.8.8" not in str(cursor.fetchall())


def test_the_caller_is_told_before_the_service_is_asked(service):
    heard = []
    ask((1, "8.8.8.8"), before_waiting=lambda: heard.append(len(service.received)))
    assert heard == [0]


def test_the_service_is_asked_through_the_external_proxy(service, settings, monkeypatch):
    with WebProxy() as proxy:
        prefix = "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_"
        for name, value in {"ENABLED_BOOLEAN": "true", "HOST": "127.0.0.1", "PORT": str(proxy.port)}.items():
            monkeypatch.setenv(prefix + name, value)
        settings.EXTERNAL_PROXY = external_proxy(Environment())
        assert ask((1, "8.8.8.8")) == {1: LOCATION}
        assert {request["headers"]["peer"] for request in service.received} <= proxy.peers


def test_a_key_that_cannot_be_decrypted_is_a_reason(service, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes!"]
    found = ask((1, "8.8.8.8"))[1]
    assert found == Failure("The key of the geolocation service cannot be decrypted; enter it again.")
    assert not service.received


def test_without_a_source_or_with_the_feature_off_no_context_is_used(service, settings, db):
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
