"""Moving encrypted values to the newest key, while everything else goes on.

What is found under an older key is opened, encrypted anew and written back only if the stored text is still the one
that was read: whoever changed the value meanwhile has encrypted it themselves. Each write is one short statement; what
is done already is not found again, so that a run that was stopped goes on where it was.
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
    """What became of one column's values that were not under the newest key."""

    column: str
    reencrypted: int = 0
    changed_meanwhile: int = 0
    unreadable: int = 0


def columns() -> Iterator[tuple[type[Model], EncryptedTextField]]:
    """Yield every encrypted column of every table of ours."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


def name_of(model: type[Model], field: EncryptedTextField) -> str:
    return f"{model._meta.db_table}.{field.column}"


def reencrypt(model: type[Model], field: EncryptedTextField) -> ReencryptionResult:
    """Move a column's values to the newest key; values that no live key opens stay as they are, and are counted."""
    done = ReencryptionResult(name_of(model, field))
    for pk, stored in _outdated(model, field):
        context = field.context_of(pk)
        try:
            moved = encryption.encrypt(encryption.decrypt(stored, context), context)
        except CannotDecrypt:
            done.unreadable += 1
            continue
        unchanged = model._default_manager.filter(pk=pk, **{field.attname: stored})
        if unchanged.update(**{field.attname: Ciphertext(moved)}):
            done.reencrypted += 1
        else:
            done.changed_meanwhile += 1
    return done


def _outdated(model: type[Model], field: EncryptedTextField) -> Iterator[tuple[Any, Ciphertext]]:
    """Yield keys and stored texts of rows, in the order of their keys, a batch in memory at a time."""
    rows = _filled(model, field).exclude(_under(field, encryption.key_ring()[0].identifier)).order_by("pk")
    rest = rows
    while batch := list(rest.values_list("pk", field.attname)[:BATCH]):
        yield from batch
        rest = rows.filter(pk__gt=batch[-1][0])


def _filled(model: type[Model], field: EncryptedTextField) -> "QuerySet[Any]":
    return model._default_manager.exclude(**{field.attname: ""})


def _under(field: EncryptedTextField, identifier: str) -> Q:
    return Q(**{f"{field.attname}__startswith": encryption.prefix(identifier)})


def count_under_key(identifier: str) -> Counter[str]:
    """Count the values under one key, by column."""
    counted = {name_of(model, field): (model, field) for model, field in columns()}
    return +Counter(
        {
            name: model._default_manager.filter(_under(field, identifier)).count()
            for name, (model, field) in counted.items()
        }
    )
