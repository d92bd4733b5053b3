"""The contract of every kind of push: a fault of the configuration is kept with it, and its secrets stay secret."""

import pytest
from django.core.management import CommandError, call_command

from apps.enrollment.models import PushEnrollment
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from tests.push import kinds
from tests.push.conftest import ENDED, NO_FAULT, assert_failed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refusal_of_the_configuration_is_final_and_marks_it(sent, pushes, kind, fault, version):
    answer, reason = kind.misconfigured
    transaction_id = sent(answer)
    assert_failed(pushes, transaction_id, kinds.MISCONFIGURED, reason)
    assert fault() == (reason, version.destination().label, True)
    details = pushes.events(transaction_id)[-1].details
    assert details["configuration"] == version.push_messaging_configuration.name


def test_the_next_push_that_is_taken_clears_the_mark(sent, kind, fault):
    sent(kind.misconfigured[0])
    sent(kind.later[0])
    assert fault()[0] == kind.misconfigured[1]
    sent()
    assert fault() == NO_FAULT


def test_a_push_that_is_taken_elsewhere_does_not_clear_the_mark(
    sent, pushes, kind, fault, version, make_version, enroll, mobile_type
):
    sent(kind.misconfigured[0])
    marked = fault()
    shared = version.push_messaging_configuration if kind.elsewhere else None
    other = make_version(kind, shared, **kind.elsewhere or {})
    elsewhere = enroll("bert", push_token=kinds.push_token(), version=other)
    transaction_id = pushes.send(mobile_type, elsewhere, "bert")
    assert pushes.attempts(transaction_id) == [("accepted", "")]
    assert fault() == marked


def test_a_configuration_changed_while_a_push_was_under_way_is_not_marked(
    pushes, kind, mobile_type, phone, token, stand_in, version, fault
):
    transaction_id = pushes.start(mobile_type, phone)
    with pushes.in_flight(stand_in, token, kind.misconfigured[0]):
        version.push_messaging_configuration.save()
    assert_failed(pushes, transaction_id, kinds.MISCONFIGURED, kind.misconfigured[1])
    assert fault() == NO_FAULT


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind.stale], ids=str)
def test_a_refused_access_token_is_replaced_once(sent, pushes, kind, heard, later, fault):
    answer, reason = kind.stale
    transaction_id = sent(answer, answer)
    assert pushes.attempts(transaction_id) == [("credential_refused", reason)]
    assert fault() == NO_FAULT
    later(2)
    pushes.work()
    assert_failed(pushes, transaction_id, kinds.MISCONFIGURED, reason)
    assert fault()[0] == reason
    assert len({record["headers"]["authorization"] for record in heard()}) == 2


def test_a_refusal_of_the_message_is_final_and_marks_nothing(sent, pushes, kind, fault):
    answer, reason = kind.refused
    assert_failed(pushes, sent(answer), kinds.REFUSED, reason)
    assert fault() == NO_FAULT
    assert PushEnrollment.objects.exists()


def test_neither_tokens_nor_credentials_are_in_events_or_logs(sent, kind, stand_in, token, still, caplog, capfd):
    caplog.set_level(0)
    # The stand-in's own library tells each header that it reads.
    caplog.set_level("INFO", "hpack")
    answers = [kind.dead[0], kind.misconfigured[0], kind.refused[0], kind.garbage[0], {"reset": True, "repeat": True}]
    for answer in reversed(answers):
        sent(answer)
    told = f"{list(Event.objects.values())}{list(PushMessagingConfiguration.objects.values('delivery_error'))}"
    places = {"log": caplog.text + "".join(capfd.readouterr()), "events": told}
    assert kind.misconfigured[1] in places["events"]
    for secret in [token, *kind.secrets(stand_in.describe())]:
        assert not [place for place, text in places.items() if secret in text]


def test_a_credential_whose_encryption_key_is_lost_is_told_as_that(
    kind, configure, make_version, enroll, pushes, mobile_type, settings, stand_in
):
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [b"lost" * 8]
    configuration = configure(kind)
    settings.FIELD_ENCRYPTION_KEYS = keys
    version = make_version(kind, PushMessagingConfiguration.objects.get(pk=configuration.pk))
    token = kinds.push_token()
    phone = enroll(push_token=token, version=version)
    transaction_id = pushes.send(mobile_type, phone)
    [(outcome, reason)] = pushes.attempts(transaction_id)
    assert outcome == kinds.MISCONFIGURED
    assert "FIELD_ENCRYPTION_KEYS" in reason
    assert pushes.result(transaction_id) == ENDED
    assert PushMessagingConfiguration.objects.get(versions=version).delivery_error == reason
    assert stand_in.wait(token, 0, None, 0) == []


def test_a_push_token_whose_encryption_key_is_lost_fails_alone(kind, version, enroll, pushes, mobile_type, settings):
    keys = settings.FIELD_ENCRYPTION_KEYS
    phones = {"anna": enroll("anna", push_token=kinds.push_token())}
    settings.FIELD_ENCRYPTION_KEYS = [b"lost" * 8, *keys]
    phones["bert"] = enroll("bert", push_token=kinds.push_token())
    settings.FIELD_ENCRYPTION_KEYS = keys
    good, bad = [pushes.start(mobile_type, phone, user) for user, phone in phones.items()]
    pushes.work()
    assert pushes.attempts(good) == [("accepted", "")]
    with pytest.raises(CommandError, match="FIELD_ENCRYPTION_KEYS"):
        call_command("send_test_push", "bert", phones["bert"].device_id)
    [(outcome, reason)] = pushes.attempts(bad)
    assert outcome == kinds.REFUSED
    assert "FIELD_ENCRYPTION_KEYS" in reason
    assert not PushMessagingConfiguration.objects.exclude(delivery_error="").exists()
