"""Re-encryption of stored values under the newest key, while the server is running.

A value under an older key is decrypted, encrypted again and written back only if the stored text did not change
meanwhile: a changed value is already encrypted under the newest key. Each write is one short statement. Values that
are under the newest key are skipped, so an interrupted run can be repeated.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model, Q, QuerySet

from apps.common import encryption
from apps.common.encryption import CannotDecrypt, Ciphertext, EncryptedTextField

BATCH = 200


@dataclass
class ReencryptionResult:
    """Result for the values of one column that were not encrypted under the newest key."""

    column: str
    reencrypted: int = 0
    changed_meanwhile: int = 0
    unreadable: int = 0


def columns() -> Iterator[tuple[type[Model], EncryptedTextField]]:
    """Yield every encrypted column of every table."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


def name_of(model: type[Model], field: EncryptedTextField) -> str:
    return f"{model._meta.db_table}.{field.column}"


def reencrypt(model: type[Model], field: EncryptedTextField) -> ReencryptionResult:
    """Re-encrypt the values of a column. Values that cannot be decrypted are counted and left unchanged."""
    result = ReencryptionResult(name_of(model, field))
    for pk, stored in _outdated(model, field):
        context = field.context_of(pk)
        try:
            reencrypted = encryption.encrypt(encryption.decrypt(stored, context), context)
        except CannotDecrypt:
            result.unreadable += 1
            continue
        unchanged = model._default_manager.filter(pk=pk, **{field.attname: stored})
        if unchanged.update(**{field.attname: Ciphertext(reencrypted)}):
            result.reencrypted += 1
        else:
            result.changed_meanwhile += 1
    return result


def _outdated(model: type[Model], field: EncryptedTextField) -> Iterator[tuple[Any, Ciphertext]]:
    """Yield primary key and stored text of outdated values, ordered by primary key, with one batch in memory."""
    rows = _filled(model, field).exclude(_under(field, encryption.key_ring()[0].identifier)).order_by("pk")
    remaining = rows
    while batch := list(remaining.values_list("pk", field.attname)[:BATCH]):
        yield from batch
        remaining = rows.filter(pk__gt=batch[-1][0])


def _filled(model: type[Model], field: EncryptedTextField) -> "QuerySet[Any]":
    return model._default_manager.exclude(**{field.attname: ""})


def _under(field: EncryptedTextField, identifier: str) -> Q:
    return Q(**{f"{field.attname}__startswith": encryption.prefix(identifier)})


def count_under_key(identifier: str) -> Counter[str]:
    """Return the number of values under one key, by column."""
    columns_by_name = {name_of(model, field): (model, field) for model, field in columns()}
    return +Counter(
        {
            name: model._default_manager.filter(_under(field, identifier)).count()
            for name, (model, field) in columns_by_name.items()
        }
    )
