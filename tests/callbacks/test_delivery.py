"""Requests of callbacks to the portal, and the recorded results."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from apps.callbacks import services, signatures
from apps.callbacks.models import CallbackDelivery, FailingCallbackUrl
from apps.events.models import Event
from apps.outbox import models as outbox
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
BASIC = "Basic cG9ydGFsOmNhbGxiYWNrLXBhc3N3b3Jk"


def endpoint(url, *active_secrets):
    return factories.CallbackEndpointFactory(url=url, signing_secrets="\n".join(active_secrets))


def test_credentials_and_signatures_are_sent_to_the_exact_url_only(sink, store, deliver):
    secret = signatures.generate_secret()
    endpoint(sink.url + "/callback", secret)
    paths = ["/callback", "/callback/", "/callback?", "/callback?a=1", "/Callback"]
    deliver(*(store(sink.url + path) for path in paths))
    headers_by_path = {request["path"]: request["headers"] for request in sink.received}
    assert set(headers_by_path) == set(paths)
    assert headers_by_path["/callback"]["authorization"] == BASIC
    assert [path for path in paths if "authorization" in headers_by_path[path]] == ["/callback"]
    assert [path for path in paths if "webhook-signature" in headers_by_path[path]] == ["/callback"]
    assert all(headers["webhook-id"] for headers in headers_by_path.values())


def test_every_attempt_is_signed_with_both_active_secrets_and_the_same_id(sink, store, deliver):
    new, old = signatures.generate_secret(), signatures.generate_secret()
    endpoint(sink.url + "/callback", new, old)
    sink.script["/callback"] = [{"status": 500}]
    row = store(sink.url + "/callback")
    deliver(row)
    deliver(row)
    first, second = sink.received
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    for call in (first, second):
        for secret in (new, old):
            body = Webhook(secret).verify(call["body"], call["headers"])
            assert body == {"callback_uri": row.url, "transaction_id": str(row.transaction_id)}
        with pytest.raises(WebhookVerificationError):
            Webhook(signatures.generate_secret()).verify(call["body"], call["headers"])
        with pytest.raises(WebhookVerificationError):
            Webhook(new).verify(call["body"] + " ", call["headers"])


def test_undecryptable_credentials_are_a_failed_attempt_of_this_callback_only(sink, store, deliver, settings):
    endpoint(sink.url + "/locked", signatures.generate_secret())
    locked, open_ = store(sink.url + "/locked"), store(sink.url + "/open")
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes."]
    deliver(locked, open_)
    assert (locked.state, open_.state) == (outbox.State.DUE, outbox.State.DONE)
    attempt = locked.attempts.get()
    assert attempt.outcome == "failed"
    assert "FIELD_ENCRYPTION_KEYS" in attempt.reason
    assert [one["path"] for one in sink.received] == ["/open"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_delivered(sink, store, deliver, status):
    sink.script["/callback"] = [{"status": status}]
    [row] = deliver(store(sink.url + "/callback"))
    assert row.state == outbox.State.DONE
    assert row.ended_at
    assert Event.objects.get(event_type="PUSH_AUTH_CALLBACK_SENT").details["http_status"] == status


@pytest.mark.parametrize("status", [302, 308, 400, 401, 404, 429, 500, 503])
def test_other_status_is_retried_after_one_or_two_seconds(sink, store, deliver, status):
    sink.script["/callback"] = [{"status": status, "headers": {"Location": sink.url + "/elsewhere"}}]
    [row] = deliver(store(sink.url + "/callback"))
    assert row.state == outbox.State.DUE
    assert timedelta(seconds=0.5) < row.due_at - timezone.now() < timedelta(seconds=2)
    assert [one["path"] for one in sink.received] == ["/callback"]
    assert Event.objects.get(event_type="PUSH_AUTH_CALLBACK_FAILED").details["http_status"] == status


def test_410_is_a_permanent_failure_that_can_be_redelivered(sink, store, deliver):
    sink.script["/callback"] = [{"status": 410}]
    [row] = deliver(store(sink.url + "/callback"))
    assert row.state == outbox.State.FAILED
    assert services.redeliver([row.transaction_id]) == 1
    deliver(row)
    assert row.state == outbox.State.DONE
    assert len({one["headers"]["webhook-id"] for one in sink.received}) == 1


def test_backoff_grows_to_eight_hours_and_retries_end_after_a_day(sink, store, deliver):
    sink.script["/callback"] = [{"status": 500, "repeat": True}]
    row = store(sink.url + "/callback")
    waits = []
    while row.state == outbox.State.DUE:
        before = timezone.now()
        deliver(row)
        if row.state == outbox.State.DUE:
            waits.append((row.due_at - before).total_seconds())
            # The backoff has ended: the callback is older by this time.
            passed = row.due_at - before
            CallbackDelivery.objects.filter(pk=row.pk).update(created_at=row.created_at - passed)
            row.refresh_from_db()
    assert [1 <= waits[0] < 3, 3 <= waits[1] < 7, 10 <= waits[2] < 21] == [True] * 3
    assert all(later > earlier for earlier, later in pairwise(waits[3:9]))
    assert 9 * 3600 < sum(waits) <= 24 * 3600
    assert row.state == outbox.State.FAILED
    assert services.redeliver() == 1


def test_consecutive_failures_of_a_url_are_counted_until_a_success(sink, store, deliver):
    sink.script["/callback"] = [{"status": 500}] * 3
    rows = [store(sink.url + "/callback") for _number in range(2)]
    deliver(*rows)
    deliver(rows[0], store(sink.url + "/other"))
    failing = FailingCallbackUrl.objects.get()
    assert (failing.url, failing.failures, failing.reason) == (sink.url + "/callback", 3, "HTTP 500")
    deliver(rows[1])
    assert not FailingCallbackUrl.objects.exists()
