"""Delivery errors of configurations, for all providers, and the secrecy of credentials."""

import pytest
from django.core.management import CommandError, call_command

from apps.enrollment.models import PushEnrollment
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from tests.push import provider_cases
from tests.push.conftest import ENDED, NO_ERROR, assert_failed

pytestmark = pytest.mark.django_db(transaction=True)


def test_configuration_error_is_final_and_stored(send_push, push_flow, provider_case, stored_error, version):
    response, reason = provider_case.misconfigured
    transaction_id = send_push(response)
    assert_failed(push_flow, transaction_id, provider_cases.MISCONFIGURED, reason)
    assert stored_error() == (reason, version.destination().label, True)
    details = push_flow.events(transaction_id)[-1].details
    assert details["configuration"] == version.push_messaging_configuration.name


def test_accepted_push_clears_the_stored_error(send_push, provider_case, stored_error):
    send_push(provider_case.misconfigured[0])
    send_push(provider_case.unavailable[0])
    assert stored_error()[0] == provider_case.misconfigured[1]
    send_push()
    assert stored_error() == NO_ERROR


def test_push_to_another_destination_keeps_the_stored_error(
    send_push, push_flow, provider_case, stored_error, version, make_version, enroll, mobile_type, new_token
):
    send_push(provider_case.misconfigured[0])
    error = stored_error()
    shared = version.push_messaging_configuration if provider_case.other_app else None
    other = make_version(provider_case, shared, **provider_case.other_app or {})
    other_device = enroll("bert", push_token=new_token(), version=other)
    transaction_id = push_flow.send(mobile_type, other_device, "bert")
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    assert stored_error() == error


def test_error_of_a_changed_configuration_is_not_stored(
    push_flow, provider_case, mobile_type, device, token, fake, version, stored_error
):
    transaction_id = push_flow.start(mobile_type, device)
    with push_flow.in_flight(fake, token, provider_case.misconfigured[0]):
        version.push_messaging_configuration.save()
    assert_failed(push_flow, transaction_id, provider_cases.MISCONFIGURED, provider_case.misconfigured[1])
    assert stored_error() == NO_ERROR


@pytest.mark.parametrize(
    "provider_case",
    [provider_case for provider_case in provider_cases.PROVIDER_CASES if provider_case.expired_credential],
    ids=str,
)
def test_rejected_access_token_is_replaced_once(
    send_push, push_flow, provider_case, received_pushes, advance_clock, stored_error
):
    response, reason = provider_case.expired_credential
    transaction_id = send_push(response, response)
    assert push_flow.attempts(transaction_id) == [("credential_refused", reason)]
    assert stored_error() == NO_ERROR
    advance_clock(2)
    push_flow.work()
    assert_failed(push_flow, transaction_id, provider_cases.MISCONFIGURED, reason)
    assert stored_error()[0] == reason
    assert len({record["headers"]["authorization"] for record in received_pushes()}) == 2


def test_rejected_message_is_final_and_stores_no_error(send_push, push_flow, provider_case, stored_error):
    response, reason = provider_case.rejected
    assert_failed(push_flow, send_push(response), provider_cases.REFUSED, reason)
    assert stored_error() == NO_ERROR
    assert PushEnrollment.objects.exists()


def test_events_and_logs_contain_no_tokens_or_credentials(
    send_push, provider_case, fake, token, frozen_clock, caplog, capfd
):
    caplog.set_level(0)
    # The library of the fake logs each header at the DEBUG level.
    caplog.set_level("INFO", "hpack")
    responses = [
        provider_case.invalid_token[0],
        provider_case.misconfigured[0],
        provider_case.rejected[0],
        provider_case.unrecognized[0],
        {"reset": True, "repeat": True},
    ]
    for response in reversed(responses):
        send_push(response)
    stored = f"{list(Event.objects.values())}{list(PushMessagingConfiguration.objects.values('delivery_error'))}"
    outputs = {"log": caplog.text + "".join(capfd.readouterr()), "events": stored}
    assert provider_case.misconfigured[1] in outputs["events"]
    for secret in [token, *provider_case.find_secrets(fake.describe())]:
        assert not [output for output, text in outputs.items() if secret in text]


def test_credential_with_a_lost_encryption_key_is_reported(
    provider_case, configure, make_version, enroll, push_flow, mobile_type, settings, fake, new_token
):
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [b"lost" * 8]
    configuration = configure(provider_case)
    settings.FIELD_ENCRYPTION_KEYS = keys
    version = make_version(provider_case, PushMessagingConfiguration.objects.get(pk=configuration.pk))
    token = new_token()
    device = enroll(push_token=token, version=version)
    transaction_id = push_flow.send(mobile_type, device)
    [(outcome, reason)] = push_flow.attempts(transaction_id)
    assert outcome == provider_cases.MISCONFIGURED
    assert "FIELD_ENCRYPTION_KEYS" in reason
    assert push_flow.result(transaction_id) == ENDED
    assert PushMessagingConfiguration.objects.get(versions=version).delivery_error == reason
    assert fake.wait(token, 0, None, 0) == []


def test_push_token_with_a_lost_encryption_key_fails_alone(
    provider_case, version, enroll, push_flow, mobile_type, settings, new_token
):
    keys = settings.FIELD_ENCRYPTION_KEYS
    devices = {"anna": enroll("anna", push_token=new_token())}
    settings.FIELD_ENCRYPTION_KEYS = [b"lost" * 8, *keys]
    devices["bert"] = enroll("bert", push_token=new_token())
    settings.FIELD_ENCRYPTION_KEYS = keys
    good, bad = [push_flow.start(mobile_type, device, user) for user, device in devices.items()]
    push_flow.work()
    assert push_flow.attempts(good) == [("accepted", "")]
    with pytest.raises(CommandError, match="FIELD_ENCRYPTION_KEYS"):
        call_command("send_test_push", "bert", devices["bert"].device_id)
    [(outcome, reason)] = push_flow.attempts(bad)
    assert outcome == provider_cases.REFUSED
    assert "FIELD_ENCRYPTION_KEYS" in reason
    assert not PushMessagingConfiguration.objects.exclude(delivery_error="").exists()
