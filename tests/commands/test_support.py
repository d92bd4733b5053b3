"""Commands for support staff."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.applications.models import ApiClient, Application
from apps.callbacks import delivery
from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.enrollment.models import EnrollmentCode
from apps.events.models import Event
from apps.outbox import claims
from apps.outbox.models import State
from apps.transactions.models import Transaction
from tests.commands.command_runner import run
from tests.conftest import Portal, TestDevice

CREDENTIAL_RULE = "Use visible ASCII characters and spaces only."
VISIBLE = " " + "".join(map(chr, range(0x20, 0x7F)))
NO_NETWORK = "“10.0.0” is not an IP address or network."

pytestmark = pytest.mark.django_db


def values(result):
    """Parse `name: value` lines. Assert that the values are aligned in one column."""
    starts = {len(line) - len(line.split(":", 1)[1].lstrip()) for line in result.lines if not line.endswith(":")}
    assert len(starts) == 1
    return {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in result.lines}


def test_created_client_can_use_the_printed_secret(client):
    result = run(
        "create_api_client", "--name", "Shop", "--api", "mobile_authentication", "--api", "end_user",
        "--client-id", "shop", "--ip", "127.0.0.0/8",
    )  # fmt: skip
    printed = values(result)
    assert (result.code, printed["client_id"]) == (0, "shop")
    row = ApiClient.objects.get()
    assert (row.name, row.apis, row.ip_allow_list) == ("Shop", ["mobile_authentication", "end_user"], ["127.0.0.0/8"])
    response = Portal(client, row, secret=printed["client_secret"]).result(uuid4())
    assert response.json()["error_code"] == "3004"
    event = Event.objects.get(event_type="ADMIN_CONFIGURATION_CREATED")
    assert event.details["who"] == "create_api_client"
    assert printed["client_secret"] not in str(event.details)
    assert row.secret_hashes[0] not in str(event.details)


def test_client_id_of_visible_characters_is_kept():
    result = run("create_api_client", "--name", "Shop", "--api", "end_user", "--json", "--client-id", VISIBLE)
    assert json.loads(result.out)["client_id"] == ApiClient.objects.get().client_id == VISIBLE


def test_generated_client_id_is_printed_as_json():
    created_clients = [
        json.loads(run("create_api_client", "--name", name, "--api", "end_user", "--json").out) for name in "AB"
    ]
    assert [row.client_id for row in ApiClient.objects.order_by("name")] == [
        one["client_id"] for one in created_clients
    ]
    assert created_clients[0]["client_id"] != created_clients[1]["client_id"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--name", "A", "--api", "everything"], "apis: Choose from: mobile_authentication, end_user, events, ciba."),
        (["--name", "A", "--api", "end_user", "--client-id", "a\tb"], f"client_id: {CREDENTIAL_RULE}"),
        (["--name", "A", "--api", "end_user", "--client-id", "é"], f"client_id: {CREDENTIAL_RULE}"),
        (["--name", "A", "--api", "end_user", "--ip", "10.0.0"], f"ip_allow_list: {NO_NETWORK}"),
        (["--name", "", "--api", "end_user"], "name: This field cannot be blank."),
        (["--name", "Taken", "--api", "end_user"], "name: API client with this Name already exists."),
        (["--name", "A"], "Error: the following arguments are required: --api"),
    ],
)
def test_invalid_client_is_one_line(arguments, problem):
    run("create_api_client", "--name", "Taken", "--api", "end_user")
    rejected = run("create_api_client", *arguments)
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [problem])
    assert ApiClient.objects.count() == 1


def test_device_enrols_with_the_printed_code(client, version):
    printed = json.loads(run("enrollment_code", "anna", version.application.identifier, "--json").out)
    assert list(printed) == ["enrollment_code", "enrollment_uri", "expires_at"]
    assert printed["enrollment_code"] in printed["enrollment_uri"]
    # Milliseconds, rounded.
    assert 590 < printed["expires_at"] / 1000 - timezone.now().timestamp() < 600.001
    device = TestDevice("")
    device.client = client
    device.enroll(
        printed["enrollment_code"],
        application_id=version.application.identifier,
        platform=version.platform,
        app_version=version.version,
        device_name="Phone",
    )
    assert device.device_id


def test_code_of_an_application_with_the_web_phone_has_its_link(version):
    Application.objects.update(web_phone=True)
    printed = json.loads(run("enrollment_code", "anna", version.application.identifier, "--json").out)
    assert list(printed) == ["enrollment_code", "enrollment_uri", "web_enrollment_uri", "expires_at"]
    assert printed["web_enrollment_uri"].endswith(f"&code={printed['enrollment_code']}")


def test_code_is_printed_as_text(version):
    printed = values(run("enrollment_code", "anna", version.application.identifier))
    assert list(printed) == ["enrollment_code", "enrollment_uri", "expires_at"]
    assert printed["expires_at"].startswith(str(timezone.now().year))


@pytest.mark.parametrize(
    ("user", "application", "problem"),
    [
        ("anna", "nowhere", "There is no application with the identifier “nowhere”."),
        ("", "shop", "A user id must have 1 to 255 characters."),
        ("x" * 256, "shop", "A user id must have 1 to 255 characters."),
        ("\udcff", "{existing}", "An argument is not valid Unicode."),
    ],
)
def test_code_for_an_invalid_user_or_application_is_one_line(version, user, application, problem):
    rejected = run("enrollment_code", user, application.format(existing=version.application.identifier))
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [problem])
    assert not EnrollmentCode.objects.exists()


@pytest.fixture
def started(portal, mobile_type, device):
    """Start a pending transaction of anna."""
    response = portal.start(mobile_type, device, secure_message="Pay 5 euro to Eve").json()
    return Transaction.objects.get(pk=response["transaction_id"])


def test_a_transaction_is_shown_with_its_pushes_and_callbacks(started, device):
    device.answer(device.fetch(str(started.pk)), approve=False)
    shown = json.loads(run("show_transaction", str(started.pk), "--json").out)
    assert shown["transaction_id"] == str(started.pk)
    assert (shown["status"], shown["is_authenticated"]) == ("not_authenticated", False)
    assert shown["not_authenticated_reason"] == {"reason": "not_accepted", "description": "User rejected push"}
    assert shown["timestamp"] == round(started.created_at.timestamp() * 1000)
    assert (shown["user_id"], shown["client_id"]) == ("anna", started.client.client_id)
    assert [push["state"] for push in shown["pushes"]] == ["due"]
    assert [callback["attempts"] for callback in shown["callbacks"]] == [0]


def test_secrets_of_the_device_are_not_shown(started):
    for result in (run("show_transaction", str(started.pk)), run("list_transactions", "--json")):
        assert str(started.pk) in result.out
        assert "euro" not in result.out
        assert started.token not in result.out
    assert values(run("show_transaction", str(started.pk)))["status"] == "pending"


@pytest.mark.parametrize("transaction_id", ["", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_unknown_transaction_is_one_line(transaction_id):
    rejected = run("show_transaction", transaction_id)
    assert (rejected.code, rejected.problems) == (1, [f"No transaction has the id “{transaction_id}”."])


def test_transactions_are_listed_newest_first_and_by_user(started, portal, mobile_type, enroll):
    other = enroll(user_id="ben")
    second = portal.start(mobile_type, other, user_id="ben").json()["transaction_id"]
    listed = json.loads(run("list_transactions", "--json").out)
    assert [row["transaction_id"] for row in listed] == [second, str(started.pk)]
    assert [row["user_id"] for row in json.loads(run("list_transactions", "--user", "anna", "--json").out)] == ["anna"]
    assert len(run("list_transactions", "--limit", "1").lines) == 2
    empty = run("list_transactions", "--user", "unknown")
    assert (empty.code, empty.out, empty.problems) == (0, "", ["No results."])
    assert json.loads(run("list_transactions", "--user", "unknown", "--json").out) == []


@pytest.mark.parametrize("limit", ["-5", "0", "1000001", "9" * 30])
def test_limit_out_of_range_is_rejected(started, limit):
    rejected = run("list_transactions", f"--limit={limit}", "--json")
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", ["--limit must be from 1 to 1000000."])


def test_control_characters_in_names_are_escaped(started):
    Transaction.objects.update(user_id="an\x1b[2Jna\u202e")
    out = run("list_transactions").out
    assert "an�[2Jna�" in out


def test_unanswered_transaction_is_expired(started):
    assert run("expire_transactions").lines == ["0 transactions expired."]
    Transaction.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert values(run("show_transaction", str(started.pk)))["status"] == "expired"
    assert run("expire_transactions").lines == ["1 transaction expired."]
    assert run("expire_transactions").lines == ["0 transactions expired."]
    started.refresh_from_db()
    assert started.status == "expired"


@pytest.fixture
def failed():
    """Create a callback that failed permanently."""
    row = CallbackDelivery.objects.create(
        url="http://127.0.0.1:9/callback", concurrency_key="http://127.0.0.1:9", transaction_id=uuid4(), user_id="anna"
    )
    [claimed] = claims.claim(CallbackDelivery, [row.pk])
    delivery.record([(claimed, CallbackResult(delivered=False, reason="HTTP 410", status=410, final=True))])
    row.refresh_from_db()
    assert row.state == State.FAILED
    return row


@pytest.mark.parametrize("named_by", [None, "pk", "transaction_id"])
def test_failed_callback_is_redelivered(failed, named_by):
    waiting = CallbackDelivery.objects.create(
        url=failed.url, transaction_id=uuid4(), due_at=timezone.now() + timedelta(hours=1)
    )
    names = [str(getattr(failed, named_by))] if named_by else []
    assert run("redeliver_callbacks", *names).lines == ["1 callback is due again."]
    [again] = claims.claim(CallbackDelivery, [failed.pk, waiting.pk])
    assert (again.pk, again.webhook_id, again.attempts_made) == (failed.pk, failed.webhook_id, 2)
    delivery.record([(again, CallbackResult(delivered=True, status=204))])
    failed.refresh_from_db()
    assert (failed.state, failed.attempts.count()) == (State.DONE, 2)
    assert run("redeliver_callbacks", *names).lines == ["0 callbacks are due again."]


@pytest.mark.parametrize(
    ("transaction_id", "problem"),
    [
        ("nonsense", "“nonsense” is not a valid id."),
        (
            "00000000-0000-4000-8000-000000000000",
            "No callback or transaction has the id “00000000-0000-4000-8000-000000000000”.",
        ),
    ],
)
def test_unknown_callback_is_one_line_and_nothing_is_sent(failed, transaction_id, problem):
    rejected = run("redeliver_callbacks", str(failed.pk), transaction_id)
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [problem])
    failed.refresh_from_db()
    assert failed.state == State.FAILED
