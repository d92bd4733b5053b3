"""Fixtures for the delivery of pushes: the portal's requests, the worker's steps and the fakes of the providers."""

import threading
from contextlib import contextmanager

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.outbox import claims
from apps.push.models import PushMessagingConfiguration
from apps.system.models import GeneralConfiguration
from apps.transactions.methods.push import delivery as push_delivery
from apps.transactions.models import PushAttempt, PushDelivery
from tests import factories
from tests.api.conftest import event_types, profile_row, switch  # noqa: F401 - fixtures
from tests.fakes.apns import Apns
from tests.fakes.fcm import Fcm
from tests.fakes.web_push import WebPushService
from tests.push import provider_cases
from tests.sms.conftest import advance_clock  # noqa: F401 - a fixture

PHONE_NUMBER = "+31612345678"
PENDING = ("pending", None)
ENDED = ("not_authenticated", "failed_to_send")
NO_ERROR = ("", "", False)


@pytest.fixture(scope="module")
def apple():
    with Apns() as fake:
        yield fake


@pytest.fixture(scope="module")
def google():
    with Fcm() as fake:
        yield fake


@pytest.fixture(scope="module")
def browser_service():
    with WebPushService() as fake:
        yield fake


@pytest.fixture(autouse=True)
def no_push_limits(db):
    """Raise the push limits: these tests send many pushes to one device."""
    GeneralConfiguration.objects.update_or_create(
        pk=1, defaults={"max_pending_transactions": 1000, "max_pushes_without_success": 1000}
    )


@pytest.fixture
def configure(request, settings, db):
    """Create a configuration for the fake of a provider."""

    def build(provider_case, **fields):
        description = request.getfixturevalue(provider_case.fake).describe()
        if provider_case.fake == "apple":
            settings.PUSH_APNS_PRODUCTION_URL = description["production_url"]
            settings.PUSH_APNS_DEVELOPMENT_URL = description["development_url"]
            settings.PUSH_APNS_CA_FILE = description["ca_file"]
        if provider_case.fake == "browser_service":
            settings.WEB_PUSH_HOSTS = ["localhost"]
            settings.WEB_PUSH_CA_FILE = description["ca_file"]
        blank = {"service_account": "", "project_id": "", "endpoint": "", "fcm_api_version": ""}
        return factories.PushMessagingConfigurationFactory(**blank | provider_case.build_fields(description) | fields)

    return build


@pytest.fixture
def make_version(configure):
    """Create a version with a configuration of a provider case."""

    def build(provider_case, configuration=None, **fields):
        configuration = configuration or configure(provider_case)
        defaults = {"platform": configuration.platform, "push_messaging_configuration": configuration}
        version = factories.ApplicationVersionFactory(**defaults | provider_case.version_fields | fields)
        version.clean()
        return version

    return build


@pytest.fixture(params=provider_cases.PROVIDER_CASES, ids=str)
def provider_case(request):
    return request.param


@pytest.fixture
def fake(request, provider_case):
    return request.getfixturevalue(provider_case.fake)


@pytest.fixture
def version(make_version, provider_case):
    return make_version(provider_case)


@pytest.fixture
def new_token(provider_case, fake):
    """Return a function that returns a unique push token of the provider."""
    return fake.subscribe if provider_case.fake == "browser_service" else provider_cases.push_token


@pytest.fixture
def token(new_token):
    """Push token of the test's device."""
    return new_token()


@pytest.fixture
def device(enroll, token, version):
    return enroll(push_token=token, version=version)


@pytest.fixture
def frozen_clock():
    """Stop the clock, so that retries do not become due during a slow test."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


class PushFlow:
    """Steps of a portal and of a worker in the delivery of pushes."""

    def __init__(self, portal):
        self.portal, self.worker_connection = portal, None

    def start(self, mobile_type, device, user_id="anna", **fields):
        """Initiate a transaction (E3) and return its id."""
        response = self.portal.start(mobile_type, device, user_id, **fields)
        assert response.status_code == 200, response.content
        return response.json()["transaction_id"]

    def work(self):
        """Claim and deliver the due pushes, like the dispatcher of a worker, and return their number."""
        due = list(PushDelivery.due(timezone.now()).values_list("pk", flat=True))
        rows = claims.claim(PushDelivery, due)
        written = [row.pk for part in push_delivery.deliver(rows) for row in part]
        assert sorted(written) == sorted(row.pk for row in rows)
        return len(rows)

    def send(self, mobile_type, device, user_id="anna", **fields):
        """Initiate a transaction (E3), deliver its push and return its id."""
        transaction_id = self.start(mobile_type, device, user_id, **fields)
        self.work()
        return transaction_id

    @contextmanager
    def in_flight(self, fake, token, response=None):
        """Deliver in another thread. The response of the fake to this token is delayed until the context ends."""
        before = len(fake.wait(token, 0, None, 0))
        fake.script[token] = [{**(response or {}), "delay": 20}]
        worker = threading.Thread(target=self._work_in_thread)
        worker.start()
        try:
            assert len(fake.wait(token, before + 1, None, 10)) > before
            yield
        finally:
            fake.release()
            worker.join(15)
        assert not worker.is_alive()

    def _work_in_thread(self):
        self.worker_connection = connections["default"]
        self.work()
        connections.close_all()

    def result(self, transaction_id):
        """Request the result (E4) and return the status and, after a permanent failure, the reason."""
        body = self.portal.result(transaction_id).json()
        return body["status"], body.get("not_authenticated_reason", {}).get("reason")

    def attempts(self, transaction_id):
        """Return outcome and reason of each attempt, oldest first."""
        attempts = PushAttempt.objects.filter(delivery__transaction=transaction_id)
        return list(attempts.order_by("started_at", "number").values_list("outcome", "reason"))

    def events(self, transaction_id, event_type="PUSH_AUTH_PUSH_SERVICE_FAILURE"):
        return list(Event.objects.filter(transaction_id=transaction_id, event_type=event_type).order_by("pk"))

    def due_in(self, transaction_id):
        """Return the seconds until the push is retried; None if it is not retried."""
        row = PushDelivery.objects.get(transaction=transaction_id)
        return (row.due_at - timezone.now()).total_seconds() if row.state == "due" else None


@pytest.fixture
def push_flow(portal):
    return PushFlow(portal)


@pytest.fixture
def send_push(push_flow, mobile_type, device, token, fake):
    """Send a push to the device, with scripted responses of the provider, and return the transaction's id."""

    def send(*responses, mobile_type=mobile_type, **fields):
        fake.script[token] = list(responses)
        return push_flow.send(mobile_type, device, **fields)

    return send


@pytest.fixture
def received_pushes(fake, token):
    """Return the pushes to the device that its provider has received."""
    return lambda: fake.wait(token, 0, None, 0)


@pytest.fixture
def stored_error(version):
    """Return the stored delivery error: its reason, its destination, and whether it has a timestamp."""

    def read(configuration=version.push_messaging_configuration):
        row = PushMessagingConfiguration.objects.get(pk=configuration.pk)
        return row.delivery_error, row.delivery_error_destination, bool(row.delivery_error_at)

    return read


def assert_failed(push_flow, transaction_id, outcome, reason):
    """Assert a permanent failure in result, callback, attempt and event, the last two with the provider's reason."""
    assert push_flow.result(transaction_id) == ENDED
    assert push_flow.attempts(transaction_id)[-1] == (outcome, reason)
    assert push_flow.due_in(transaction_id) is None
    assert CallbackDelivery.objects.filter(transaction_id=transaction_id).count() == 1
    details = push_flow.events(transaction_id)[-1].details
    assert details["reason"] == reason
    assert details["next_attempt_at"] is None


@pytest.fixture
def type_with_fallback(db):
    """Type for push with an SMS type as its fallback."""
    sms = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    return factories.TypeFactory(fallback=sms)
