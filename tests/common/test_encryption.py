"""Encrypted values are bound to their row and column, survive key rotations, and cannot be written unencrypted."""

import base64

import pytest
from django.db import connection, transaction

from apps.callbacks.models import CallbackEndpoint
from apps.common import encryption
from apps.enrollment.models import PushEnrollment
from tests import factories

OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32
TAG_BYTES = 16


def read_ciphertext(row, column="password"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [_key(row)])
        return cursor.fetchone()[0]


def write_ciphertext(row, text, column="password"):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [text, _key(row)])


def _key(row):
    return row._meta.pk.get_db_prep_value(row.pk, connection)


def reload(row):
    return type(row).objects.get(pk=row.pk)


@pytest.fixture
def endpoint(db):
    return factories.CallbackEndpointFactory(password="a password")


def test_value_is_stored_encrypted(endpoint):
    assert reload(endpoint).password == "a password"
    assert read_ciphertext(endpoint).startswith("v2.")
    assert "password" not in read_ciphertext(endpoint)


def test_same_value_has_a_new_ciphertext_each_time(endpoint):
    before = read_ciphertext(endpoint)
    endpoint.password = "a password"
    endpoint.save()
    assert read_ciphertext(endpoint) != before


def test_repeated_nonce_has_different_ciphertexts_in_other_rows(endpoint, monkeypatch):
    monkeypatch.setattr(encryption.secrets, "token_bytes", lambda count: b"\0" * count)
    rows = [endpoint, factories.CallbackEndpointFactory()]
    for row in rows:
        row.password = "the same password"
        row.save()
    first, second = (base64.b64decode(read_ciphertext(row).rpartition(".")[2])[:-TAG_BYTES] for row in rows)
    assert first[: encryption.NONCE_BYTES] == second[: encryption.NONCE_BYTES]
    assert first != second


def test_unchanged_value_keeps_its_ciphertext(endpoint):
    before = read_ciphertext(endpoint)
    reload(endpoint).save()
    assert read_ciphertext(endpoint) == before


@pytest.mark.parametrize("text", ["", "é漢😀", "x" * 100_000, "v2.looks.encrypted", "\n"])
def test_any_text_is_stored_unchanged(endpoint, text):
    endpoint.password = text
    endpoint.save()
    assert reload(endpoint).password == text


def test_empty_value_is_stored_as_empty(endpoint):
    endpoint.password = ""
    endpoint.save()
    assert read_ciphertext(endpoint) == ""


def test_value_copied_to_another_row_cannot_be_decrypted(endpoint):
    other = factories.CallbackEndpointFactory(password="another")
    write_ciphertext(other, read_ciphertext(endpoint))
    with pytest.raises(encryption.CannotDecrypt):
        _ = reload(other).password


def test_value_copied_to_another_column_cannot_be_decrypted(endpoint):
    configuration = factories.PushMessagingConfigurationFactory(pk=endpoint.pk)
    write_ciphertext(configuration, read_ciphertext(endpoint), column="service_account")
    with pytest.raises(encryption.CannotDecrypt):
        _ = reload(configuration).service_account


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
def test_modified_ciphertext_cannot_be_decrypted(endpoint, change):
    write_ciphertext(endpoint, change(read_ciphertext(endpoint)))
    with pytest.raises(encryption.CannotDecrypt) as raised:
        _ = reload(endpoint).password
    assert "a password" not in str(raised.value)


def test_values_are_decrypted_during_key_rotation(endpoint, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    endpoint.password = "written with the old key"
    endpoint.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    row = reload(endpoint)
    assert row.password == "written with the old key"
    row.password = "written with the new key"
    row.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    assert reload(endpoint).password == "written with the new key"
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    with pytest.raises(encryption.CannotDecrypt):
        _ = reload(endpoint).password


def test_queryset_update_of_encrypted_field_is_rejected(endpoint):
    with pytest.raises(TypeError), transaction.atomic():
        CallbackEndpoint.objects.update(password="in clear")
    with pytest.raises(TypeError):
        CallbackEndpoint.objects.filter(password="a password").exists()
    endpoint.password = "in clear"
    with pytest.raises(TypeError), transaction.atomic():
        CallbackEndpoint.objects.bulk_update([endpoint], ["password"])
    assert reload(endpoint).password == "a password"


def test_bulk_create_encrypts_values(db):
    CallbackEndpoint.objects.bulk_create([CallbackEndpoint(url="http://a.example", password="bulk")])
    row = CallbackEndpoint.objects.get()
    assert row.password == "bulk"
    assert "bulk" not in read_ciphertext(row)


def test_listed_row_has_no_secret_in_memory(endpoint):
    assert "a password" not in repr(vars(reload(endpoint)))


def test_deferred_value_is_loaded_on_access(endpoint):
    row = CallbackEndpoint.objects.defer("password").get()
    assert row.password == "a password"


def test_push_token_is_encrypted():
    assert isinstance(PushEnrollment._meta.get_field("token"), encryption.EncryptedTextField)
