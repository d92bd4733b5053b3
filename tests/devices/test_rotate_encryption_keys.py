"""Key rotation: values are re-encrypted, and the command lists the remaining uses of the old key."""

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
from apps.ciba.models import AuthenticationRequest, SigningKey
from apps.common import codes, encryption, reencryption
from apps.enrollment.models import Authenticator, EnrollmentCode, PushEnrollment
from apps.events.models import AuditKey, Event
from apps.geocontext.models import Geolocation
from apps.integrations.models import KeycloakRequest
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
    IdempotentRequest: ["response"],
    ContextLookup: ["origin"],
    CallbackEndpoint: ["password", "signing_secrets"],
    PushMessagingConfiguration: ["server_key", "signing_key", "certificate", "vapid_private_key"],
    ApnsProxy: ["password"],
    Geolocation: ["key"],
    AuthenticatorApp: ["secret"],
    AuditKey: ["seed"],
    AuthenticationRequest: ["auth_req_id", "notification_token", "authorization_details"],
    SigningKey: ["private_key"],
    KeycloakRequest: ["bearer"],
}


@pytest.fixture
def rotate(settings, db):
    """Set FIELD_ENCRYPTION_KEYS, newest key first, and run the command."""

    def with_keys(*keys):
        settings.FIELD_ENCRYPTION_KEYS = list(keys)
        return run("rotate_encryption_keys")

    return with_keys


@pytest.fixture
def challenge(start_challenge):
    return start_challenge("pin")


@pytest.fixture
def populated(device, challenge, portal):
    """Store a value in every encrypted column and a hash of every kind. Return the rows of SECRETS."""
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
        AuditKey(),
        AuthenticationRequest(
            client=portal.api_client,
            transaction=started,
            auth_req_id_hash=hashed,
            expires_at=now + timedelta(minutes=5),
        ),
        SigningKey(kid="a", public_key={}, activated_at=now),
        KeycloakRequest(transaction=started, token_hash="a", expires_at=now),
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
    second_factor.generate_recovery_codes(User.objects.get())
    keys.verify()
    SessionStore().save()
    return rows


def columns_with_prefix(prefix):
    """Return all database columns with a text, or a first list item, that starts with the prefix."""
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


def remaining_uses(lines):
    """Return the remaining uses of the second key in the output of the command, with their counts."""
    start = lines.index(f"Key 2 ({identifier(OLD_KEY)}) is in use:")
    return dict(line.strip().split(". ")[0].split(": ") for line in lines[start + 1 :])


def columns_of(kind_or_model, names):
    return {f"{kind_or_model._meta.db_table}.{name}" for name in names}


def test_every_encrypted_column_is_reencrypted(populated, rotate, settings):
    old, new = encryption.prefix(identifier(OLD_KEY)), encryption.prefix(identifier(NEW_KEY))
    columns, events = columns_with_prefix(old), Event.objects.count()
    models = Path(project.BASE_DIR, "apps").glob("*/models.py")
    assert len(columns) == sum(len(DECLARED.findall(path.read_text())) for path in models)

    result = rotate(NEW_KEY, OLD_KEY)
    assert (result.code, result.err) == (0, "")
    assert (columns_with_prefix(old), columns_with_prefix(new)) == (set(), columns)
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    for row in populated:
        reloaded = type(row).objects.get(pk=row.pk)
        assert {name: getattr(reloaded, name) for name in SECRETS[type(row)]} == {
            name: f"{name} in clear" for name in SECRETS[type(row)]
        }
    assert PushEnrollment.objects.get().token == "push-token-of-anna"
    assert Event.objects.count() == events


def test_every_keyed_hash_column_is_reported(populated):
    hash_columns = {column_name for kind in KINDS for column_name in columns_of(kind.model, kind.fields)}
    newest_key_only = {
        column_name for model, name in NEWEST_KEY_ONLY.items() for column_name in columns_of(model, [name])
    }
    assert columns_with_prefix(codes.prefix(identifier(OLD_KEY))) == hash_columns
    # Columns of this length store keyed hashes, even if they are empty in this test.
    wide_columns = {
        column_name
        for model in apps.get_models()
        if model._meta.app_label != "events"
        for field in model._meta.local_fields
        if isinstance(field, CharField) and field.max_length == 80
        for column_name in columns_of(model, [field.column])
    }
    assert wide_columns <= hash_columns | newest_key_only


def test_output_lists_the_remaining_uses_of_the_old_key(populated, rotate, portal, challenge, respond, device):
    result = rotate(NEW_KEY, OLD_KEY)
    # One of the two enrolment codes has expired, and the push token was rehashed.
    assert remaining_uses(result.lines) == {
        "client secrets": "1",
        "device tokens": "1",
        "tokens of authenticators": "3",
        "console sessions": "1",
        "recovery codes of staff": "10",
        "enrolment codes": "1",
        "one-time passwords and verification codes": "1",
        "phone numbers in rate limits": "2",
        "requests with an Idempotency-Key": "1",
        "CIBA requests": "1",
    }

    # The hash of a secret is renewed when the secret is used.
    Transaction.objects.update(verification_number="", signing_data="")
    assert respond(challenge, "pin").json() == {"status": "authenticated"}
    assert portal.result(challenge["transaction_id"]).json()["is_authenticated"] is True
    remaining = remaining_uses(rotate(NEW_KEY, OLD_KEY).lines)
    assert remaining.keys() == {
        "tokens of authenticators", "console sessions", "recovery codes of staff", "enrolment codes",
        "phone numbers in rate limits", "requests with an Idempotency-Key", "CIBA requests",
    }  # fmt: skip
    assert remaining["tokens of authenticators"] == "2"

    Authenticator.objects.exclude(type="pin").delete()
    Session.objects.update(expire_date=timezone.now())
    second_factor.generate_recovery_codes(User.objects.get())
    for model in (EnrollmentCode, IdempotentRequest, AuthenticationRequest):
        model.objects.update(expires_at=timezone.now())
    SmsDelivery.objects.update(created_at=timezone.now() - timedelta(hours=1))
    line = f"Key 2 ({identifier(OLD_KEY)}) is not in use. Remove it from FIELD_ENCRYPTION_KEYS."
    assert rotate(NEW_KEY, OLD_KEY).lines[-1] == line

    last_result = rotate(NEW_KEY)
    assert last_result.lines[-1] == "FIELD_ENCRYPTION_KEYS contains one key. There is no older key to remove."


def test_answers_are_accepted_with_the_new_key_alone(device, start_challenge, respond, rotate, portal, settings):
    rotate(NEW_KEY, OLD_KEY)
    for kind, name in (("pin", "pin"), ("fingerprint", "fingerprint"), ("custom", "face")):
        assert respond(start_challenge(kind), name).json() == {"status": "authenticated"}
    assert rotate(NEW_KEY, OLD_KEY).lines[-1].endswith("Remove it from FIELD_ENCRYPTION_KEYS.")
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    for kind, name in (("pin", "pin"), ("fingerprint", "fingerprint"), ("custom", "face")):
        assert respond(start_challenge(kind), name).json() == {"status": "authenticated"}


def test_a_second_run_changes_nothing(populated, rotate):
    rotate(NEW_KEY, OLD_KEY)
    stored = list(Transaction.objects.values_list("token", "signing_data"))
    report = json.loads(run("rotate_encryption_keys", "--json").out)
    assert {(entry["reencrypted"], entry["changed_meanwhile"], entry["unreadable"]) for entry in report["columns"]} == {
        (0, 0, 0)
    }
    assert report["push_tokens_rehashed"] == 0
    assert list(Transaction.objects.values_list("token", "signing_data")) == stored


@pytest.fixture
def endpoints(db):
    return [factories.CallbackEndpointFactory(password=f"password {number}") for number in range(5)]


def column(result, name="callbacks_callbackendpoint.password"):
    return next(line.split()[1:] for line in result.lines if line.startswith(name))


def modify_during_read(monkeypatch, number, action):
    """Call `action` after the endpoint password with this number was read and before it is written."""
    calls, encrypt = iter(range(100)), encryption.encrypt

    def encrypt_after_change(text, context):
        if context.startswith("callbacks_callbackendpoint") and next(calls) == number:
            action()
        return encrypt(text, context)

    monkeypatch.setattr(reencryption.encryption, "encrypt", encrypt_after_change)


def test_concurrent_changes_are_not_overwritten(endpoints, rotate, monkeypatch):
    row = CallbackEndpoint.objects.order_by("pk")[2]

    def change():
        row.password = "changed meanwhile"
        row.save()

    modify_during_read(monkeypatch, 2, change)
    assert column(rotate(NEW_KEY, OLD_KEY)) == ["4", "1", "0"]
    assert CallbackEndpoint.objects.get(pk=row.pk).password == "changed meanwhile"


def test_concurrently_deleted_row_is_not_restored(endpoints, rotate, monkeypatch):
    modify_during_read(monkeypatch, 2, CallbackEndpoint.objects.order_by("pk")[2].delete)
    assert rotate(NEW_KEY, OLD_KEY).code == 0
    assert CallbackEndpoint.objects.count() == 4


def test_interrupted_run_is_resumed(endpoints, rotate, monkeypatch, settings):
    def stop():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        modify_during_read(patched, 3, stop)
        with pytest.raises(KeyboardInterrupt):
            rotate(NEW_KEY, OLD_KEY)
    assert column(rotate(NEW_KEY, OLD_KEY)) == ["2", "0", "0"]


def test_undecryptable_values_are_reported_and_kept(endpoints, rotate):
    result = rotate(NEW_KEY)
    assert (result.code, column(result)) == (1, ["0", "0", "5"])
    problem = "5 values cannot be decrypted with FIELD_ENCRYPTION_KEYS and were not changed: %s."
    assert result.problems == [problem % "callbacks_callbackendpoint.password"]
    assert column(rotate(LATER_KEY, NEW_KEY, OLD_KEY)) == ["5", "0", "0"]


def test_values_are_read_in_batches(rotate, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(reencryption, "BATCH", 10)
    for number in range(25):
        factories.CallbackEndpointFactory(password=f"password {number}")
    field = CallbackEndpoint._meta.get_field("password")
    assert column(rotate(NEW_KEY, OLD_KEY)) == ["25", "0", "0"]
    with django_assert_num_queries(1):
        reencryption.reencrypt(CallbackEndpoint, field)


def test_only_the_used_client_secret_is_rehashed(portal, rotate, settings):
    older = portal.api_client
    older.secret_hashes = [codes.keyed_hash("unused", "client secret"), *older.secret_hashes]
    older.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    assert portal.result("00000000-0000-4000-8000-000000000000").status_code == 404
    older.refresh_from_db()
    assert [codes.needs_rehash(entry) for entry in older.secret_hashes] == [True, False]
    assert older.has_secret("unused")
