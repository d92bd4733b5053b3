"""Approving with a finger or an authenticator of the app's own; the PIN is the way out."""

import pytest

from apps.enrollment.models import Authenticator
from apps.transactions.models import RejectedAnswer
from tests.api.calls import error_of

INVALID_MESSAGE, REVOKED = (400, "invalid_message"), (403, "authenticator_revoked")
LIMIT_EVENTS = {
    "fingerprint": "PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED",
    "face": "PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED",
}
OWN = [("fingerprint", "fingerprint"), ("custom", "face")]


@pytest.mark.parametrize(("kind", "name"), [*OWN, ("fingerprint", "pin"), ("custom", "pin")])
def test_its_own_token_or_the_pin_approves(ask, respond, result, callbacks, kind, name):
    challenge = ask(kind)
    assert respond(challenge, name).json() == {"status": "authenticated"}
    assert result(challenge)["authentication_method"] == challenge["type"]["method"]
    assert callbacks(challenge) == 1


def test_any_authenticator_of_the_list_approves(ask, respond, phone, client):
    phone.register(client, "custom", authenticator_id="voice")
    for name in ("face", "voice"):
        assert respond(ask("custom"), name).json() == {"status": "authenticated"}


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_a_wrong_own_token_revokes_it_and_the_pin_still_works(
    ask, respond, result, callbacks, event_types, profile_row, phone, kind, name
):
    challenge = ask(kind)
    before = len(event_types())
    assert error_of(respond(challenge, name, token="wrong")) == REVOKED
    assert event_types()[before:] == [LIMIT_EVENTS[name], "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL"]
    assert not Authenticator.objects.filter(type=kind).exists()
    assert (result(challenge)["status"], callbacks(challenge)) == ("pending", 0)
    assert profile_row(phone).wrong_pins == 0
    assert error_of(respond(challenge, name)) == REVOKED
    assert respond(challenge, "pin").json() == {"status": "authenticated"}


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_a_wrong_own_token_leaves_the_other_authenticators(ask, respond, phone, client, kind, name):
    phone.register(client, "custom", authenticator_id="voice")
    respond(ask(kind), name, token="wrong")
    left = set(Authenticator.objects.values_list("type", "authenticator_id"))
    everything = {("pin", ""), ("fingerprint", ""), ("custom", "face"), ("custom", "voice")}
    assert everything - left == {(kind, "" if kind == "fingerprint" else name)}


def test_a_revoked_authenticator_can_be_registered_again(ask, respond, phone, client):
    respond(ask("fingerprint"), "fingerprint", token="wrong")
    assert phone.register(client, "fingerprint").status_code == 201
    assert respond(ask("fingerprint"), "fingerprint").json() == {"status": "authenticated"}


@pytest.mark.parametrize("kind", ["fingerprint", "custom"])
def test_a_wrong_pin_counts_here_too(ask, respond, result, callbacks, kind):
    challenge = ask(kind)
    for number in (1, 2):
        answer = respond(challenge, "pin", token="wrong")
        assert error_of(answer) == (403, "invalid_pin")
        assert answer.json()["used_attempts"] == number
    assert error_of(respond(challenge, "pin", token="wrong")) == (410, "9003")
    told = result(challenge)
    assert (told["status"], told["not_authenticated_reason"]["reason"]) == ("not_authenticated", "invalid_answer")
    assert callbacks(challenge) == 1


@pytest.mark.parametrize(("kind", "name"), [("fingerprint", "face"), ("custom", "fingerprint")])
def test_a_credential_of_the_other_kind_is_free(ask, respond, result, kind, name):
    challenge = ask(kind)
    for token in (None, "wrong"):
        assert error_of(respond(challenge, name, token=token)) == INVALID_MESSAGE
    assert Authenticator.objects.count() == 3
    assert result(challenge)["status"] == "pending"


@pytest.mark.parametrize("value", [None, "", "iris", "FACE", 5, True, [], ["face"], {}, "\ud800", "\0"], ids=ascii)
def test_a_custom_credential_names_an_authenticator_of_the_list(ask, respond, phone, value):
    credential = {"type": "custom", "authenticator_id": value, "token": phone.tokens["face"]}
    challenge = ask("custom")
    assert error_of(respond(challenge, credential=credential)) == INVALID_MESSAGE
    assert Authenticator.objects.count() == 3


def test_the_token_of_another_custom_authenticator_revokes_the_one_that_was_named(ask, respond, phone, client):
    phone.register(client, "custom", authenticator_id="voice")
    assert error_of(respond(ask("custom"), "face", token=phone.tokens["voice"])) == REVOKED
    assert set(Authenticator.objects.filter(type="custom").values_list("authenticator_id", flat=True)) == {"voice"}


@pytest.mark.parametrize("kind", ["fingerprint", "custom"])
@pytest.mark.parametrize("credential", [None, {}, [], "x", {"type": "fingerprint"}, {"type": "pin", "token": 5}])
def test_a_missing_credential_is_free(ask, respond, result, kind, credential):
    challenge = ask(kind)
    assert error_of(respond(challenge, credential=credential)) == INVALID_MESSAGE
    assert result(challenge)["status"] == "pending"
    assert Authenticator.objects.count() == 3


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_denying_needs_nothing_and_revokes_nothing(ask, respond, kind, name):
    assert respond(ask(kind), approve=False).json() == {"status": "not_authenticated"}
    assert respond(ask(kind), name, token="wrong", approve=False).json() == {"status": "not_authenticated"}
    assert Authenticator.objects.count() == 3


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_a_repeat_of_a_wrong_token_gets_the_same_and_changes_nothing(
    ask, phone, client, event_types, respond, kind, name
):
    challenge = ask(kind)
    sealed = phone.sealed_answer(challenge, credential=phone.credential(name, "wrong"))
    first = phone.send(client, challenge["transaction_id"], sealed)
    events = event_types()
    register = {"authenticator_id": "face"} if kind == "custom" else {}
    phone.register(client, kind, **register)
    again = phone.send(client, challenge["transaction_id"], sealed)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert event_types() == [*events, "AUTHENTICATOR_REGISTERED"]
    assert RejectedAnswer.objects.count() == 1
    assert respond(challenge, name).json() == {"status": "authenticated"}


@pytest.mark.parametrize(
    ("kind", "name", "off"),
    [("fingerprint", "fingerprint", {"fingerprint_enabled": False}), ("custom", "face", {"custom_authenticators": []})],
)
def test_what_was_switched_off_meanwhile_proves_nothing_and_is_kept(
    ask, respond, result, set_application, kind, name, off
):
    challenge = ask(kind)
    set_application(**off)
    for credential in (name, "pin"):
        assert error_of(respond(challenge, credential)) == INVALID_MESSAGE
    assert error_of(respond(challenge, name, token="wrong")) == INVALID_MESSAGE
    assert (result(challenge)["status"], Authenticator.objects.count()) == ("pending", 3)


def test_without_the_feature_a_custom_authenticator_proves_nothing(ask, respond, result, set_feature):
    challenge = ask("custom")
    set_feature(custom_authenticators=False)
    assert error_of(respond(challenge, "face")) == INVALID_MESSAGE
    assert result(challenge)["status"] == "pending"
    set_feature(custom_authenticators=True)
    assert respond(challenge, "face").json() == {"status": "authenticated"}
