"""Check that FIELD_ENCRYPTION_KEYS decrypt the stored secrets."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from time import monotonic
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common import encryption, reencryption
from apps.common.encryption import CannotDecrypt, EncryptedTextField
from apps.common.findings import Finding, Level
from apps.system.models import KeyCheck

# Time for each table. Tables of transactions and devices can contain millions of rows.
TIME_LIMIT_SECONDS = 2.0
BATCH = 500


@dataclass
class ReadResult:
    """Numbers of secrets of a table that can and cannot be decrypted, by column."""

    readable: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    is_complete: bool = True


def check() -> Iterator[Finding]:
    readable, is_complete = 0, True
    for model, columns in groupby(reencryption.columns(), key=lambda column: column[0]):
        if model is KeyCheck:
            # Not a secret, and already verified when the command started.
            continue
        result = _read_table(model, [column for _model, column in columns])
        for name, count in sorted(result.unreadable.items()):
            yield _unreadable_finding(name, count, count + result.readable[name])
        readable += result.readable.total()
        is_complete = is_complete and result.is_complete
    if readable:
        yield _readable_finding(readable, is_complete=is_complete)


def _read_table(model: type[Model], columns: list[EncryptedTextField]) -> ReadResult:
    """Decrypt the secrets of a table in the order of their primary keys, until the time limit."""
    result, deadline = ReadResult(), monotonic() + TIME_LIMIT_SECONDS
    rows = model._default_manager.order_by("pk").values_list("pk", *(column.attname for column in columns))
    remaining = rows
    while batch := list(remaining[:BATCH]):
        for pk, *values in batch:
            _read_row(columns, pk, values, result)
        if monotonic() > deadline:
            result.is_complete = len(batch) < BATCH
            break
        remaining = rows.filter(pk__gt=batch[-1][0])
    return result


def _read_row(columns: list[EncryptedTextField], pk: Any, values: list[str], result: ReadResult) -> None:
    for column, stored in zip(columns, values, strict=True):
        if not stored:
            continue
        name = reencryption.name_of(column.model, column)
        try:
            encryption.decrypt(stored, column.context_of(pk))
        except CannotDecrypt:
            result.unreadable[name] += 1
        else:
            result.readable[name] += 1


def _unreadable_finding(name: str, count: int, total: int) -> Finding:
    text = ngettext(
        "%(count)d of %(total)d cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.",
        "%(count)d of %(total)d cannot be decrypted: their keys are not in FIELD_ENCRYPTION_KEYS.",
        count,
    )
    remedy = _(
        "Add the key that encrypted them to FIELD_ENCRYPTION_KEYS of every process. If the key is lost, enter the "
        "credentials again and enrol the devices again."
    )
    about = _("stored secrets in %(column)s") % {"column": name}
    return Finding(Level.ERROR, about, text % {"count": count, "total": total}, remedy)


def _readable_finding(count: int, *, is_complete: bool) -> Finding:
    text = ngettext(
        "%(count)d was checked and can be decrypted.", "%(count)d were checked and can be decrypted.", count
    )
    more = "" if is_complete else " " + _("There are more: the check is limited to two seconds for each table.")
    return Finding(Level.OK, _("stored secrets"), text % {"count": count} + more)
