"""Values at rest are bound to their row and column; keys rotate; nothing passes by the encryption."""

import base64

import pytest
from django.db import connection, transaction

from apps.callbacks.models import CallbackEndpoint
from apps.common import encryption
from apps.enrollment.models import PushEnrollment
from tests import factories

OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32
TAG_BYTES = 16


def stored(row, column="password"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [_key(row)])
        return cursor.fetchone()[0]


def store(row, text, column="password"):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [text, _key(row)])


def _key(row):
    return row._meta.pk.get_db_prep_value(row.pk, connection)


def reread(row):
    return type(row).objects.get(pk=row.pk)


@pytest.fixture
def endpoint(db):
    return factories.CallbackEndpointFactory(password="a password")


def test_a_value_is_read_back_and_not_stored_readably(endpoint):
    assert reread(endpoint).password == "a password"
    assert stored(endpoint).startswith("v2.")
    assert "password" not in stored(endpoint)


def test_the_same_value_is_stored_differently_every_time(endpoint):
    before = stored(endpoint)
    endpoint.password = "a password"
    endpoint.save()
    assert stored(endpoint) != before


def test_a_repeated_nonce_reveals_nothing_across_rows(endpoint, monkeypatch):
    monkeypatch.setattr(encryption.secrets, "token_bytes", lambda count: b"\0" * count)
    rows = [endpoint, factories.CallbackEndpointFactory()]
    for row in rows:
        row.password = "the same password"
        row.save()
    first, second = (base64.b64decode(stored(row).rpartition(".")[2])[:-TAG_BYTES] for row in rows)
    assert first[: encryption.NONCE_BYTES] == second[: encryption.NONCE_BYTES]
    assert first != second


def test_a_row_saved_without_a_change_keeps_its_stored_value(endpoint):
    before = stored(endpoint)
    reread(endpoint).save()
    assert stored(endpoint) == before


@pytest.mark.parametrize("text", ["", "é漢😀", "x" * 100_000, "v2.looks.encrypted", "\n"])
def test_any_text_is_kept_exactly(endpoint, text):
    endpoint.password = text
    endpoint.save()
    assert reread(endpoint).password == text


def test_an_empty_value_stays_empty(endpoint):
    endpoint.password = ""
    endpoint.save()
    assert stored(endpoint) == ""


def test_a_value_copied_to_another_row_does_not_open(endpoint):
    other = factories.CallbackEndpointFactory(password="another")
    store(other, stored(endpoint))
    with pytest.raises(encryption.CannotDecrypt):
        _ = reread(other).password


def test_a_value_copied_to_another_column_does_not_open(endpoint):
    configuration = factories.PushMessagingConfigurationFactory(pk=endpoint.pk)
    store(configuration, stored(endpoint), column="service_account")
    with pytest.raises(encryption.CannotDecrypt):
        _ = reread(configuration).service_account


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:],
        lambda text: text[:40] + ("A" if text[40] != "A" else "B") + text[41:],
        lambda text: text[:-8],
        lambda text: text.replace("v2.", "v1."),
        lambda text: "v2.00000000." + text.rpartition(".")[2],
        lambda text: text.rpartition(".")[0] + ".",
        lambda text: text.rpartition(".")[0] + ".!!",
        lambda _text: "a password",
        lambda _text: "..",
        lambda _text: "é",
    ],
)
def test_a_changed_value_does_not_open(endpoint, change):
    store(endpoint, change(stored(endpoint)))
    with pytest.raises(encryption.CannotDecrypt) as raised:
        _ = reread(endpoint).password
    assert "a password" not in str(raised.value)


def test_keys_rotate(endpoint, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    endpoint.password = "written with the old key"
    endpoint.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    row = reread(endpoint)
    assert row.password == "written with the old key"
    row.password = "written with the new key"
    row.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    assert reread(endpoint).password == "written with the new key"
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    with pytest.raises(encryption.CannotDecrypt):
        _ = reread(endpoint).password


def test_an_update_that_passes_by_the_row_is_refused(endpoint):
    with pytest.raises(TypeError), transaction.atomic():
        CallbackEndpoint.objects.update(password="in clear")
    with pytest.raises(TypeError):
        CallbackEndpoint.objects.filter(password="a password").exists()
    endpoint.password = "in clear"
    with pytest.raises(TypeError), transaction.atomic():
        CallbackEndpoint.objects.bulk_update([endpoint], ["password"])
    assert reread(endpoint).password == "a password"


def test_bulk_create_encrypts(db):
    CallbackEndpoint.objects.bulk_create([CallbackEndpoint(url="http://a.example", password="bulk")])
    row = CallbackEndpoint.objects.get()
    assert row.password == "bulk"
    assert "bulk" not in stored(row)


def test_a_listed_row_holds_no_secret_in_memory(endpoint):
    assert "a password" not in repr(vars(reread(endpoint)))


def test_a_deferred_value_is_read_when_it_is_asked_for(endpoint):
    row = CallbackEndpoint.objects.defer("password").get()
    assert row.password == "a password"


def test_every_secret_of_a_device_uses_it():
    assert isinstance(PushEnrollment._meta.get_field("token"), encryption.EncryptedTextField)
