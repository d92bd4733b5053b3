"""docs/security.md and the code say the same: what is encrypted, what is hashed and how."""

from django.apps import apps
from django.db import models

from apps.common import codes
from apps.common.encryption import EncryptedTextField
from tests.architecture import pages
from tests.architecture.pages import ROOT

PAGE = ROOT / "docs/security.md"
# The hash of an address, under a name that does not say so.
OTHERWISE_NAMED = {"geocontext.LocatedAddress.key"}
# Columns that hold a list of hashes.
LISTS = {"applications.ApiClient.secret_hashes"}


def our_columns():
    """Yield every column of our own models by its name in the table."""
    for model in apps.get_models():
        if model.__module__.startswith("apps."):
            for field in model._meta.concrete_fields:
                yield f"{model._meta.label}.{field.name}", field


def documented(heading):
    """Return the cells of a table by the column that each line is about."""
    return {row[0].strip("`"): row for row in pages.rows(pages.section(PAGE, heading))}


def test_every_encrypted_column_is_in_the_table_and_no_other():
    encrypted = {name for name, field in our_columns() if isinstance(field, EncryptedTextField)}
    assert encrypted
    assert set(documented("## What is encrypted")) == encrypted


def test_every_hashed_column_is_in_the_table_and_no_other():
    hashed = {name for name, _field in our_columns() if "hash" in name or "digest" in name}
    assert set(documented("## What is hashed")) == hashed | OTHERWISE_NAMED


def test_what_the_page_calls_keyed_has_room_for_a_keyed_hash_and_what_it_calls_plain_has_not():
    length = len(codes.keyed_hash("value", "purpose"))
    table, columns = documented("## What is hashed"), dict(our_columns())
    for name in set(table) - LISTS:
        assert (columns[name].max_length >= length) == (table[name][2] == "keyed"), name


def test_no_column_that_sounds_secret_is_kept_as_it_is():
    words = ("secret", "password", "token", "private", "signing_key", "server_key", "certificate", "phone")
    told = set(documented("## What is encrypted")) | set(documented("## What is hashed"))
    kept = {
        name
        for name, field in our_columns()
        if isinstance(field, models.CharField | models.TextField | models.JSONField)
        and any(word in name.rpartition(".")[2] for word in words)
    }
    assert kept
    assert not kept - told
