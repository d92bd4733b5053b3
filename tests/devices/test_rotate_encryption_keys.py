"""A new key in FIELD_ENCRYPTION_KEYS: all moves to it while the server runs, and it is said when the old one can go."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as project
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import CharField
from django.utils import timezone

from apps.callbacks.models import CallbackEndpoint
from apps.common import codes, encryption, reencryption
from apps.enrollment.models import Authenticator, EnrollmentCode, PushEnrollment
from apps.events.models import Event
from apps.geocontext.models import Geolocation
from apps.push.models import PushMessagingConfiguration
from apps.staff import second_factor
from apps.staff.models import AuthenticatorApp
from apps.staff.session_store import SessionStore
from apps.system import keys
from apps.system.models import ApnsProxy
from apps.transactions.models import ContextLookup, IdempotentRequest, SmsDelivery, Transaction
from config.keyed_hashes import KINDS, NEWEST_KEY_ONLY
from tests import factories
from tests.commands.command_runner import run

NEW_KEY, LATER_KEY = b"n" * 32, b"l" * 32
OLD_KEY = project.FIELD_ENCRYPTION_KEYS[0]
DECLARED = re.compile(r"^    \w+ = EncryptedTextField\(", re.MULTILINE)
SECRETS = {
    Transaction: ["secure_message", "phone_number", "code", "signing_data", "verification_number"],
    IdempotentRequest: ["answer"],
    ContextLookup: ["origin"],
    CallbackEndpoint: ["password", "signing_secrets"],
    PushMessagingConfiguration: ["server_key", "signing_key", "certificate"],
    ApnsProxy: ["password"],
    Geolocation: ["key"],
    AuthenticatorApp: ["secret"],
}


@pytest.fixture
def rotate(settings, db):
    """Put keys in the variable, newest first, and run the command."""

    def with_keys(*keys):
        settings.FIELD_ENCRYPTION_KEYS = list(keys)
        return run("rotate_encryption_keys")

    return with_keys


@pytest.fixture
def challenge(ask):
    return ask("pin")


@pytest.fixture
def full(phone, challenge, portal):
    """A server with a value in every encrypted column and a hash of every kind; returns rows that SECRETS names."""
    started, now = Transaction.objects.get(), timezone.now()
    hashed = codes.keyed_hash("a", "b")
    rows = [
        started,
        IdempotentRequest(
            client=portal.api_client, key_hash="a", request_digest=hashed, expires_at=now + timedelta(minutes=5)
        ),
        ContextLookup(transaction=started),
        CallbackEndpoint(url="http://a.example"),
        PushMessagingConfiguration.objects.get(),
        ApnsProxy(),
        Geolocation(),
        AuthenticatorApp(user=User.objects.create_user("nora"), confirmed=True),
    ]
    for row in rows:
        for name in SECRETS[type(row)]:
            setattr(row, name, f"{name} in clear")
        row.save()
    SmsDelivery.objects.create(transaction=started, number_hash=hashed, prefix_hash=hashed, state="done")
    Transaction.objects.update(code_hash=hashed)
    EnrollmentCode.objects.create(
        code_hash=hashed, user_id="anna", application=factories.ApplicationFactory(), expires_at=now
    )
    EnrollmentCode.objects.create(code_hash=hashed + "0", user_id="a", application=factories.ApplicationFactory())
    second_factor.make_codes(User.objects.get())
    keys.verify()
    SessionStore().save()
    return rows


def places(prefix):
    """Return every column of the database in which a text, or a first one of a list, begins like this."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for line in cursor.fetchall():
                texts = zip(names, line, strict=True)
                found |= {f"{table}.{name}" for name, value in texts if str(value).strip("[\"'").startswith(prefix)}
    return found


def identifier(key):
    return encryption.Key(key).identifier


def held_by_the_old_key(lines):
    """Return what the command says still needs the second key, with how many there are."""
    start = lines.index(f"Key 2 ({identifier(OLD_KEY)}) is still needed for:")
    return dict(line.strip().split(". ")[0].split(": ") for line in lines[start + 1 :])


def columns_of(kind_or_model, names):
    return {f"{kind_or_model._meta.db_table}.{name}" for name in names}


def test_no_encrypted_column_is_forgotten_and_every_value_opens_with_the_new_key_alone(full, rotate, settings):
    old, new = encryption.prefix(identifier(OLD_KEY)), encryption.prefix(identifier(NEW_KEY))
    columns, events = places(old), Event.objects.count()
    models = Path(project.BASE_DIR, "apps").glob("*/models.py")
    assert len(columns) == sum(len(DECLARED.findall(path.read_text())) for path in models)

    done = rotate(NEW_KEY, OLD_KEY)
    assert (done.code, done.err) == (0, "")
    assert (places(old), places(new)) == (set(), columns)
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    for row in full:
        again = type(row).objects.get(pk=row.pk)
        assert {name: getattr(again, name) for name in SECRETS[type(row)]} == {
            name: f"{name} in clear" for name in SECRETS[type(row)]
        }
    assert PushEnrollment.objects.get().token == "push-token-of-anna"
    assert Event.objects.count() == events


def test_no_keyed_hash_is_forgotten(full):
    known = {place for kind in KINDS for place in columns_of(kind.model, kind.fields)}
    newest_key_only = {place for model, name in NEWEST_KEY_ONLY.items() for place in columns_of(model, [name])}
    assert places(codes.prefix(identifier(OLD_KEY))) == known
    # So long is a column for a keyed hash, whether or not anything is in it today.
    long_enough = {
        place
        for model in apps.get_models()
        if model._meta.app_label != "events"
        for field in model._meta.local_fields
        if isinstance(field, CharField) and field.max_length == 80
        for place in columns_of(model, [field.column])
    }
    assert long_enough <= known | newest_key_only


def test_it_says_what_holds_the_old_key_back_until_nothing_does(full, rotate, portal, challenge, respond, phone):
    said = rotate(NEW_KEY, OLD_KEY)
    # Of the two enrolment codes one is over; the push token was hashed anew.
    assert held_by_the_old_key(said.lines) == {
        "client secrets": "1",
        "device tokens": "1",
        "tokens of authenticators": "3",
        "console sessions": "1",
        "recovery codes of staff": "10",
        "enrolment codes": "1",
        "one-time passwords and codes of text messages": "1",
        "phone numbers that limits count": "2",
        "requests with an Idempotency-Key": "1",
    }

    # Who shows a secret takes its hash along.
    Transaction.objects.update(verification_number="", signing_data="")
    assert respond(challenge, "pin").json() == {"status": "authenticated"}
    assert portal.result(challenge["transaction_id"]).json()["is_authenticated"] is True
    held = held_by_the_old_key(rotate(NEW_KEY, OLD_KEY).lines)
    assert held.keys() == {
        "tokens of authenticators", "console sessions", "recovery codes of staff", "enrolment codes",
        "phone numbers that limits count", "requests with an Idempotency-Key",
    }  # fmt: skip
    assert held["tokens of authenticators"] == "2"

    Authenticator.objects.exclude(type="pin").delete()
    Session.objects.update(expire_date=timezone.now())
    second_factor.make_codes(User.objects.get())
    for model in (EnrollmentCode, IdempotentRequest):
        model.objects.update(expires_at=timezone.now())
    SmsDelivery.objects.update(created_at=timezone.now() - timedelta(hours=1))
    line = f"Key 2 ({identifier(OLD_KEY)}) is no longer needed: take it out of FIELD_ENCRYPTION_KEYS."
    assert rotate(NEW_KEY, OLD_KEY).lines[-1] == line

    alone = rotate(NEW_KEY)
    assert alone.lines[-1] == "FIELD_ENCRYPTION_KEYS holds one key: there is no older one to leave."


def test_all_goes_on_with_the_new_key_alone(phone, ask, respond, rotate, portal, settings):
    rotate(NEW_KEY, OLD_KEY)
    for kind, name in (("pin", "pin"), ("fingerprint", "fingerprint"), ("custom", "face")):
        assert respond(ask(kind), name).json() == {"status": "authenticated"}
    assert rotate(NEW_KEY, OLD_KEY).lines[-1].endswith("take it out of FIELD_ENCRYPTION_KEYS.")
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    for kind, name in (("pin", "pin"), ("fingerprint", "fingerprint"), ("custom", "face")):
        assert respond(ask(kind), name).json() == {"status": "authenticated"}


def test_a_second_run_changes_nothing(full, rotate):
    rotate(NEW_KEY, OLD_KEY)
    stored = list(Transaction.objects.values_list("token", "signing_data"))
    again = json.loads(run("rotate_encryption_keys", "--json").out)
    assert {(one["reencrypted"], one["changed_meanwhile"], one["unreadable"]) for one in again["columns"]} == {
        (0, 0, 0)
    }
    assert again["push_tokens_rehashed"] == 0
    assert list(Transaction.objects.values_list("token", "signing_data")) == stored


@pytest.fixture
def endpoints(db):
    return [factories.CallbackEndpointFactory(password=f"password {number}") for number in range(5)]


def column(ran, name="callbacks_callbackendpoint.password"):
    return next(line.split()[1:] for line in ran.lines if line.startswith(name))


def meddle(monkeypatch, number, act):
    """Call `act` when the endpoint's password with this number has been read and not yet been written back."""
    calls, encrypt = iter(range(100)), encryption.encrypt

    def between(text, context):
        if context.startswith("callbacks_callbackendpoint") and next(calls) == number:
            act()
        return encrypt(text, context)

    monkeypatch.setattr(reencryption.encryption, "encrypt", between)


def test_what_somebody_changes_meanwhile_is_not_overwritten(endpoints, rotate, monkeypatch):
    row = CallbackEndpoint.objects.order_by("pk")[2]

    def change():
        row.password = "changed meanwhile"
        row.save()

    meddle(monkeypatch, 2, change)
    assert column(rotate(NEW_KEY, OLD_KEY)) == ["4", "1", "0"]
    assert CallbackEndpoint.objects.get(pk=row.pk).password == "changed meanwhile"


def test_a_row_that_goes_meanwhile_does_not_come_back(endpoints, rotate, monkeypatch):
    meddle(monkeypatch, 2, CallbackEndpoint.objects.order_by("pk")[2].delete)
    assert rotate(NEW_KEY, OLD_KEY).code == 0
    assert CallbackEndpoint.objects.count() == 4


def test_a_run_that_was_stopped_goes_on_where_it_was(endpoints, rotate, monkeypatch, settings):
    def stop():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        meddle(patched, 3, stop)
        with pytest.raises(KeyboardInterrupt):
            rotate(NEW_KEY, OLD_KEY)
    assert column(rotate(NEW_KEY, OLD_KEY)) == ["2", "0", "0"]


def test_a_value_that_no_key_opens_is_told_and_left_as_it_is(endpoints, rotate):
    refused = rotate(NEW_KEY)
    assert (refused.code, column(refused)) == (1, ["0", "0", "5"])
    problem = "5 values are opened by no key in FIELD_ENCRYPTION_KEYS and were left as they are: %s."
    assert refused.problems == [problem % "callbacks_callbackendpoint.password"]
    assert column(rotate(LATER_KEY, NEW_KEY, OLD_KEY)) == ["5", "0", "0"]


def test_values_are_read_in_batches_and_a_look_for_nothing_is_one_query(rotate, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(reencryption, "BATCH", 10)
    for number in range(25):
        factories.CallbackEndpointFactory(password=f"password {number}")
    field = CallbackEndpoint._meta.get_field("password")
    assert column(rotate(NEW_KEY, OLD_KEY)) == ["25", "0", "0"]
    with django_assert_num_queries(1):
        reencryption.reencrypt(CallbackEndpoint, field)


def test_two_hashes_of_a_client_are_told_apart_when_one_moves(portal, rotate, settings):
    older = portal.api_client
    older.secret_hashes = [codes.keyed_hash("unused", "client secret"), *older.secret_hashes]
    older.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    assert portal.result("00000000-0000-4000-8000-000000000000").status_code == 404
    older.refresh_from_db()
    assert [codes.needs_rehash(one) for one in older.secret_hashes] == [True, False]
    assert older.has_secret("unused")
