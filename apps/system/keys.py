"""Key check value: verifies that FIELD_ENCRYPTION_KEYS are the keys of the database."""

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.translation import gettext as _

from apps.common.encryption import CannotDecrypt
from apps.system.models import KeyCheck

CHECK_VALUE = "countersign"


def verify() -> None:
    """Raise ImproperlyConfigured if no key in FIELD_ENCRYPTION_KEYS can decrypt the key check value of the database.

    The first call on a migrated database stores the value. A database without tables has no secrets to protect.
    """
    if KeyCheck._meta.db_table not in connection.introspection.table_names():
        return
    row, _created = KeyCheck.objects.get_or_create(defaults={"value": CHECK_VALUE})
    try:
        _value = row.value
    except CannotDecrypt:
        raise ImproperlyConfigured(
            _(
                "FIELD_ENCRYPTION_KEYS are not the keys of this database: none of them can decrypt its key check "
                "value. Set the keys that encrypted the data, or the DATABASE_URL that belongs to these keys."
            )
        ) from None


def replace_check_value() -> None:
    """Replace the key check value by one under the newest key, if the keys of the stored value are lost."""
    KeyCheck.objects.update_or_create(defaults={"value": CHECK_VALUE})
