"""Facts of audit events: each event type declares them, and nothing else is stored."""

import copy
import pickle
from uuid import uuid4

import pytest

from apps.events import services
from apps.events.facts import AttemptFacts
from apps.events.models import Event
from apps.events.types import EVENT_TYPES, EventTypes

INVALID_PIN = EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN


def facts(**changes):
    return {
        "user_id": "anna",
        "app_name": "Shop",
        "client_id": "shop",
        "transaction_id": uuid4(),
        "attempt": 2,
    } | changes


def test_event_stores_columns_and_details(db):
    values = facts()
    services.record(INVALID_PIN, AttemptFacts(**values))
    stored = Event.objects.get()
    assert stored.event_type == "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN"
    assert (stored.user_id, stored.client_id, stored.transaction_id) == ("anna", "shop", values["transaction_id"])
    assert stored.details == {"attempt": 2}


def test_event_with_misspelt_fact_is_rejected(db):
    with pytest.raises(TypeError, match=r"missing \[\], unknown \['atempt'\]"):
        services.record(INVALID_PIN, facts(atempt=3))
    assert not Event.objects.exists()


def test_event_with_missing_fact_is_rejected(db):
    incomplete = facts()
    del incomplete["attempt"]
    with pytest.raises(TypeError, match=r"missing \['attempt'\], unknown \[\]"):
        services.record(INVALID_PIN, incomplete)
    assert not Event.objects.exists()


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_event_type_is_declared_under_its_own_name(event_type):
    assert getattr(EventTypes, event_type) is event_type


def test_event_type_survives_copy_and_pickle():
    assert copy.deepcopy(INVALID_PIN) == pickle.loads(pickle.dumps(INVALID_PIN)) == INVALID_PIN
    assert pickle.loads(pickle.dumps(INVALID_PIN)).facts is AttemptFacts
