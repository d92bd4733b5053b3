"""The key check value: it tells whether FIELD_ENCRYPTION_KEYS are those of the database."""

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.translation import gettext as _

from apps.common.encryption import CannotDecrypt
from apps.system.models import KeyCheck

CHECK_VALUE = "countersign"


def verify() -> None:
    """Raise ImproperlyConfigured if no key in FIELD_ENCRYPTION_KEYS decrypts the key check value of the database.

    The first caller on a migrated database stores the value. A database without tables holds no secret to protect.
    """
    if KeyCheck._meta.db_table not in connection.introspection.table_names():
        return
    row, _created = KeyCheck.objects.get_or_create(defaults={"value": CHECK_VALUE})
    try:
        _value = row.value
    except CannotDecrypt:
        raise ImproperlyConfigured(
            _(
                "FIELD_ENCRYPTION_KEYS are not the keys of this database: none of them decrypts its key check value. "
                "Set the keys that the data was encrypted with, or the DATABASE_URL that belongs to these keys."
            )
        ) from None


def replace_check_value() -> None:
    """Store a new key check value under the newest key: the keys of the stored one are lost."""
    KeyCheck.objects.update_or_create(defaults={"value": CHECK_VALUE})
