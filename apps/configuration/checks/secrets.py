"""Whether the live keys open what is encrypted in the database."""

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

# Tables of transactions and devices may hold millions: after so long no more of a table is tried.
TIME_LIMIT_SECONDS = 2.0
BATCH = 500


@dataclass
class ReadResult:
    """What came of trying the secrets of a table, by column."""

    readable: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    is_complete: bool = True


def check() -> Iterator[Finding]:
    readable, is_complete = 0, True
    for model, columns in groupby(reencryption.columns(), key=lambda column: column[0]):
        if model is KeyCheck:
            # No secret, and verified before the command began.
            continue
        result = _read_table(model, [column for _model, column in columns])
        for name, count in sorted(result.unreadable.items()):
            yield _unreadable_finding(name, count, count + result.readable[name])
        readable += result.readable.total()
        is_complete = is_complete and result.is_complete
    if readable:
        yield _readable_finding(readable, is_complete=is_complete)


def _read_table(model: type[Model], columns: list[EncryptedTextField]) -> ReadResult:
    """Open what a table holds, in the order of its keys, until the time is up."""
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
        "%(count)d of %(total)d cannot be read: no key in FIELD_ENCRYPTION_KEYS opens it.",
        "%(count)d of %(total)d cannot be read: no key in FIELD_ENCRYPTION_KEYS opens them.",
        count,
    )
    remedy = _(
        "Give every process the key that they were stored under (FIELD_ENCRYPTION_KEYS). When it is lost, enter "
        "credentials again, and let the devices enrol again."
    )
    about = _("stored secrets in %(column)s") % {"column": name}
    return Finding(Level.ERROR, about, text % {"count": count, "total": total}, remedy)


def _readable_finding(count: int, *, is_complete: bool) -> Finding:
    text = ngettext("%(count)d was tried and can be read.", "%(count)d were tried and can be read.", count)
    more = "" if is_complete else " " + _("There are more than are tried here.")
    return Finding(Level.OK, _("stored secrets"), text % {"count": count} + more)
