"""Find the rows that block a deletion or are deleted with it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import models


def protecting_rows(rows: models.QuerySet[Any], limit: int) -> list[models.Model]:
    """Return at most `limit` rows that protect `rows` from deletion, directly or through cascading rows.

    Runs one query per relation of the schema, independent of the number of rows.
    """
    return list(islice(_protecting_rows(rows, limit), limit))


def _protecting_rows(rows: models.QuerySet[Any], limit: int) -> Iterator[models.Model]:
    for relation, related in _relations(rows):
        if relation.on_delete in (models.PROTECT, models.RESTRICT):
            yield from related[:limit]
        elif relation.on_delete is models.CASCADE:
            yield from _protecting_rows(related, limit)


def cascade_counts(rows: models.QuerySet[Any]) -> dict[str, int]:
    """Count the rows that would be deleted with `rows`, by the plural name of their model."""
    counts: dict[str, int] = {}
    for relation, related in _relations(rows):
        if relation.on_delete is models.CASCADE and (count := related.count()):
            counts[str(related.model._meta.verbose_name_plural)] = count
            counts |= cascade_counts(related)
    return counts


def _relations(rows: models.QuerySet[Any]) -> Iterator[tuple[Any, models.QuerySet[Any]]]:
    for relation in rows.model._meta.related_objects:
        related = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": rows})
        yield relation, related.order_by()
