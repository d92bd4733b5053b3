"""Search by the beginning of a text, without regard to case. An index on the key makes it independent of the table."""

from typing import Any

from django.db.models import CharField, F, Func, QuerySet, Value

# Greater than every character that a text contains.
_LAST = "\U0010ffff"


class PrefixKey(Func):
    """Upper-case text in the order of its code points: on PostgreSQL, another order cannot find prefixes."""

    function = "UPPER"
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template='(%(function)s(%(expressions)s) COLLATE "C")', **extra)


def starting_with(rows: QuerySet[Any], field: str, prefix: str) -> QuerySet[Any]:
    """Return the rows whose field begins with the prefix, in the order of the key."""
    bounds = {
        "prefix_key__gte": PrefixKey(Value(prefix)),
        "prefix_key__lt": PrefixKey(Value(prefix + _LAST)),
    }
    found: QuerySet[Any] = rows.alias(prefix_key=PrefixKey(F(field))).filter(**bounds).order_by("prefix_key", "pk")
    return found
