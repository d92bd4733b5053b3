"""docs/security.md matches the encrypted and hashed columns of the models."""

from django.apps import apps
from django.db import models

from apps.common import codes
from apps.common.encryption import EncryptedTextField
from tests.architecture import pages
from tests.architecture.pages import ROOT

PAGE = ROOT / "docs/security.md"
# Hash columns whose names do not contain "hash" or "digest".
OTHER_HASH_COLUMNS = {"geocontext.LocatedAddress.key"}
# Columns with a list of hashes.
LISTS = {"applications.ApiClient.secret_hashes"}


def own_columns():
    """Yield every column of the project's models with its name in the table."""
    for model in apps.get_models():
        if model.__module__.startswith("apps."):
            for field in model._meta.concrete_fields:
                yield f"{model._meta.label}.{field.name}", field


def documented(heading):
    """Return the rows of a table by column name."""
    return {row[0].strip("`"): row for row in pages.rows(pages.section(PAGE, heading))}


def test_table_matches_the_encrypted_columns():
    encrypted = {name for name, field in own_columns() if isinstance(field, EncryptedTextField)}
    assert encrypted
    assert set(documented("## What is encrypted")) == encrypted


def test_table_matches_the_hashed_columns():
    hashed = {name for name, _field in own_columns() if "hash" in name or "digest" in name}
    assert set(documented("## What is hashed")) == hashed | OTHER_HASH_COLUMNS


def test_length_of_hash_columns_matches_their_documented_type():
    length = len(codes.keyed_hash("value", "purpose"))
    table, columns = documented("## What is hashed"), dict(own_columns())
    for name in set(table) - LISTS:
        assert (columns[name].max_length >= length) == (table[name][2] == "keyed"), name


def test_columns_with_secret_names_are_encrypted_or_hashed():
    secret_words = ("secret", "password", "token", "private", "signing_key", "server_key", "certificate", "phone")
    documented_columns = set(documented("## What is encrypted")) | set(documented("## What is hashed"))
    secret_columns = {
        name
        for name, field in own_columns()
        if isinstance(field, models.CharField | models.TextField | models.JSONField)
        and any(word in name.rpartition(".")[2] for word in secret_words)
    }
    assert secret_columns
    assert not secret_columns - documented_columns
