"""Fixtures for the delivery of SMS: the portal's requests, the worker's steps and the fakes of the gateways."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.events.models import Event
from apps.outbox import claims
from apps.sms.gateways.memory import MemoryGateway
from apps.system.models import GeneralConfiguration
from apps.transactions.methods.sms import delivery as sms_delivery
from apps.transactions.models import SmsAttempt, SmsDelivery, Transaction
from tests import factories
from tests.api.conftest import switch  # noqa: F401 - a fixture
from tests.fakes import sms_service as fake_sms_service
from tests.fakes import twilio as fake_twilio

NUMBER = "+31612345678"
START = "/oauth/api/v4/authenticate/user"


class SmsFlow:
    """Steps of a portal and of a worker in the delivery of SMS."""

    def __init__(self, portal):
        self.portal = portal

    def post(self, mobile_type, user_id="anna", **fields):
        form = {"type": mobile_type.name, "user_id": user_id, "phone_number": NUMBER, **fields}
        return self.portal.post(START, {name: value for name, value in form.items() if value is not None})

    def start(self, mobile_type, user_id="anna", **fields):
        """Initiate a transaction (E3) and return its id."""
        response = self.post(mobile_type, user_id, **fields)
        assert response.status_code == 200, response.content
        return response.json()["transaction_id"]

    def verify(self, transaction_id, code, user_id="anna"):
        """Verify a code (E5)."""
        return self.portal.post(f"{START}/{user_id}/sms", {"transaction_id": transaction_id, "sms_code": code})

    def resend(self, transaction_id, user_id="anna"):
        """Request a resend (E6)."""
        return self.portal.post(f"{START}/{user_id}/sms/resend", {"transaction_id": transaction_id})

    def result(self, transaction_id):
        """Request the result (E4) and return the status and, after a permanent failure, the reason."""
        body = self.portal.result(transaction_id).json()
        return body["status"], body.get("not_authenticated_reason", {}).get("reason")

    def work(self):
        """Claim and deliver the due messages, like the dispatcher of a worker, and return their number."""
        due = list(SmsDelivery.due(timezone.now()).values_list("pk", flat=True))
        rows = claims.claim(SmsDelivery, due)
        for row in rows:
            sms_delivery.deliver(row)
        return len(rows)

    def send(self, mobile_type, **fields):
        """Initiate a transaction (E3), deliver its message and return its id."""
        transaction_id = self.start(mobile_type, **fields)
        self.work()
        return transaction_id

    def code(self, transaction_id):
        """Return the verification code, which the user reads on the phone."""
        return Transaction.objects.get(pk=transaction_id).code

    def attempts(self, transaction_id):
        attempts = SmsAttempt.objects.filter(delivery__transaction=transaction_id)
        return list(attempts.order_by("started_at", "number").values_list("outcome", flat=True))

    def events(self, transaction_id):
        return list(Event.objects.filter(transaction_id=transaction_id).order_by("pk"))

    def event_types(self, transaction_id):
        """Return the types of the transaction's events, without those of initiation and E4."""
        types = [event.event_type for event in self.events(transaction_id)]
        return [
            event_type
            for event_type in types
            if event_type not in ("SMS_AUTH_INITIALIZED", "PUSH_AUTH_TRANSACTION_RETRIEVED")
        ]


@pytest.fixture
def sms_flow(portal):
    """Flow of a portal. The worker closes connections, so tests of deliveries need `transaction=True`."""
    return SmsFlow(portal)


@pytest.fixture
def sms_type(db):
    return factories.TypeFactory(method="sms", default_messages={"en": "Your code: {code}"}, max_resends=2)


@pytest.fixture(autouse=True)
def sent_messages(settings):
    """Messages of the memory gateway, which is the default of these tests."""
    settings.SMS_GATEWAY = "memory"
    MemoryGateway.sent_messages.clear()
    yield MemoryGateway.sent_messages
    MemoryGateway.sent_messages.clear()


def configure(settings, environment):
    """Apply environment variables to the settings."""
    for name, value in environment.items():
        setattr(settings, name.removeprefix("TOKEN_SERVER_ENGINE_").removeprefix("CUSTOM_HOOKS_"), value)


@pytest.fixture
def twilio(settings):
    with fake_twilio.Twilio() as twilio:
        configure(settings, twilio.describe()["environment"])
        yield twilio


@pytest.fixture
def sms_service(settings):
    """Fake of a custom service for the REST gateway."""
    with fake_sms_service.SmsService() as sms_service:
        configure(settings, sms_service.describe()["environment"])
        yield sms_service


@pytest.fixture
def advance_clock():
    """Advance the clock by some seconds. It keeps running."""
    with time_machine.travel(timezone.now(), tick=True) as traveller:
        yield lambda seconds: traveller.shift(timedelta(seconds=seconds))


@pytest.fixture
def change_general():
    """Change the general configuration."""

    def change(**values):
        GeneralConfiguration.objects.update_or_create(pk=GeneralConfiguration.get_solo().pk, defaults=values)

    return change


def forms(server):
    """Return the forms that the fake of Twilio received."""
    return [fake_twilio.form(request["body"]) for request in server.received]


def bodies(server):
    """Return the JSON bodies that a service received."""
    return [json.loads(request["body"]) for request in server.received]
