"""Messages of other kinds in the outbox of callbacks: final statuses, expiry of their credential, and their secrets."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from apps.callbacks import kinds
from apps.callbacks.errors import CallbackErrorKind
from apps.callbacks.messages import Message, MessageKind
from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.common import errors
from apps.common.urls import origin
from apps.outbox import models as outbox
from apps.outgoing import http
from apps.system.models import GeneralConfiguration, PushEnrollmentMode
from apps.transactions import lifecycle
from apps.transactions.models import Transaction
from apps.transactions.portal import services
from apps.transactions.request.channels import Channel
from apps.transactions.request.parameters import ApiVersion
from apps.transactions.types import Method
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


class Notification(MessageKind):
    """Kind with a bearer for each transaction. The text of the bearer is in its URL, so that no table is needed."""

    label = "notification"
    final_statuses = frozenset({401})
    remedies = {401: "The bearer was rejected."}
    lifetime = timedelta(hours=1)
    erased: list = []

    def build(self, deliveries, now):
        return {row.pk: self.message(row, now) for row in deliveries}

    def message(self, row, now):
        give_up_at = row.created_at + self.lifetime
        if give_up_at <= now:
            return CallbackResult(reason="expired", error_kind=CallbackErrorKind.CREDENTIAL_EXPIRED, final=True)
        request = http.Request("POST", row.url, {"Authorization": "Bearer secret"}, b"{}", public_only=True)
        return Message(request, give_up_at)

    def erase_secrets(self, transaction_ids):
        self.erased.extend(transaction_ids)


@pytest.fixture
def erased(monkeypatch):
    monkeypatch.setitem(kinds._PATHS, "notification", f"{__name__}.Notification")
    monkeypatch.setattr(Notification, "erased", [])
    return Notification.erased


@pytest.fixture
def notification(sink, erased):
    """Return a function that stores a due notification of this age."""

    def run(age=timedelta()):
        url = sink.url + "/notify"
        values = {"url": url, "concurrency_key": origin(url), "transaction_id": uuid4(), "kind": "notification"}
        return CallbackDelivery.objects.create(**values, created_at=timezone.now() - age)

    return run


def test_kind_builds_its_request_and_erases_its_secret_after_delivery(sink, store, notification, deliver, erased):
    row, callback = notification(), store(sink.url + "/callback")
    deliver(row, callback)
    assert [row.state, callback.state] == [outbox.State.DONE] * 2
    requests = {request["path"]: request for request in sink.received}
    assert requests["/notify"]["headers"]["authorization"] == "Bearer secret"
    assert "authorization" not in requests["/callback"]["headers"]
    assert erased == [row.transaction_id]


def test_final_status_of_a_kind_ends_the_delivery_and_excludes_a_redelivery(
    admin_client, sink, notification, deliver, erased
):
    sink.script["/notify"] = [{"status": 500}, {"status": 401}]
    [row] = deliver(notification())
    assert (row.state, erased) == (outbox.State.DUE, [])
    deliver(row)
    assert (row.state, erased) == (outbox.State.FAILED, [row.transaction_id])
    with pytest.raises(CommandError, match="its credentials were erased"):
        call_command("redeliver_callbacks", str(row.transaction_id))
    call_command("redeliver_callbacks")
    path = f"/admin/callbacks/callbackdelivery/{row.pk}"
    page = admin_client.get(f"{path}/change/").content.decode()
    assert "cannot be sent again" in page
    assert "The bearer was rejected." in page
    assert "send-again" not in page
    assert "its credentials were erased" in admin_client.post(f"{path}/send-again/", follow=True).content.decode()
    row.refresh_from_db()
    assert row.state == outbox.State.FAILED


@pytest.mark.parametrize(("age", "requests"), [(59.5, 1), (61, 0)])
def test_kind_gives_up_when_its_credential_expires(sink, notification, deliver, erased, age, requests):
    sink.script["/notify"] = [{"status": 500, "headers": {"Retry-After": "600"}}] * 2
    row = notification(timedelta(minutes=age))
    deliver(row)
    assert len(sink.received) == requests
    if requests:
        assert row.due_at == row.created_at + Notification.lifetime
        CallbackDelivery.objects.filter(pk=row.pk).update(created_at=row.created_at - timedelta(minutes=1))
        row.refresh_from_db()
        deliver(row)
    assert (row.state, erased) == (outbox.State.FAILED, [row.transaction_id])


def test_unknown_kind_is_retried(sink, notification, deliver):
    row = notification()
    CallbackDelivery.objects.filter(pk=row.pk).update(kind="of a later version")
    deliver(row)
    assert (row.state, sink.received) == (outbox.State.DUE, [])


@pytest.fixture
def start(portal, sink, mobile_type, device):
    """Start an authentication through a channel, and return its transaction."""

    def run(channel=None, **parameters):
        raw = {"type": mobile_type.name, "user_id": "anna", "message": "Sign in?", "callback_uri": sink.url + "/notify"}
        channel = channel or Channel("notification")
        client = portal.api_client
        return services.initiate(raw | parameters, client, ApiVersion.V4, lambda store: store(), channel).transaction

    return run


def cancel(transaction):
    lifecycle.cancel(transaction)


def expire(transaction):
    Transaction.objects.filter(pk=transaction.pk).update(expires_at=timezone.now())
    lifecycle.expire_due()


@pytest.mark.parametrize("end", [cancel, expire])
def test_kind_is_notified_of_a_cancellation_and_of_expiry(portal, start, erased, device, mobile_type, end):
    GeneralConfiguration.objects.update(callback_allow_list_enabled=True)
    callback = factories.CallbackEndpointFactory().url
    started = portal.start(mobile_type, device, callback_uri=callback).json()["transaction_id"]
    transactions = [start(), Transaction.objects.get(pk=started)]
    for transaction in transactions:
        end(transaction)
    row = CallbackDelivery.objects.get()
    assert (row.transaction_id, row.kind) == (transactions[0].pk, "notification")


def test_channel_selects_the_last_used_device_that_can_do_the_type(start, enroll, device, version):
    GeneralConfiguration.objects.update(push_enrollment_mode=PushEnrollmentMode.MULTIPLE_DEVICES)
    version.application.pin_enabled = True
    version.application.save()
    device.register_pin("12345")
    later = enroll(push_token="later")
    assert start().device_id == later.device_id
    with_pin = factories.TypeFactory(method=Method.PUSH_WITH_PIN)
    assert start(type=with_pin.name).device_id == device.device_id
    assert start(Channel("notification", max_lifetime_seconds=30)).time_to_live_seconds == 30


@pytest.mark.parametrize("fields", [{"method": Method.SMS}, {"code_to_phone": True}, {"number_matching_digits": 2}])
def test_channel_starts_no_type_that_needs_a_code_or_a_number(start, mobile_type, device, fields):
    unsupported = factories.TypeFactory(**fields)
    with pytest.raises(errors.NoAuthenticationPossibility):
        start(type=unsupported.name, phone_number="+31612345678")
    unsupported.fallback = mobile_type
    if unsupported.method != Method.SMS:
        unsupported.save()
        assert start(type=unsupported.name).type_name == mobile_type.name
