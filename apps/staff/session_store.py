"""Console sessions in the database, stored under a keyed hash: a copy of the database contains no cookies."""

from typing import TYPE_CHECKING, Any

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from apps.common import codes

if TYPE_CHECKING:
    from django.contrib.sessions.base_session import AbstractBaseSession
    from django.db.models import QuerySet

PURPOSE = "session"
# The length of Django's column: it holds the key id and 124 bits of the hash.
MAX_LENGTH = 40


def key_hashes(session_key: str) -> list[str]:
    """Return the hash of a cookie's value under each key of FIELD_ENCRYPTION_KEYS, newest first."""
    return [candidate[:MAX_LENGTH] for candidate in codes.hash_candidates(session_key, PURPOSE)]


class SessionStore(DatabaseStore):
    """Session whose row has a keyed hash instead of the cookie's value.

    The row keeps the encryption key of its creation, since a session ends within a day.
    """

    _stored_key = ""

    # Django's async methods would store the cookie's value; these call the methods below.
    aload, aexists, acreate, asave, adelete = (
        SessionBase.aload,
        SessionBase.aexists,
        SessionBase.acreate,
        SessionBase.asave,
        SessionBase.adelete,
    )

    def _get_session_from_db(self) -> "AbstractBaseSession | None":
        row = self._rows(self.session_key or "").filter(expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
        else:
            self._stored_key = row.session_key
        return row

    def exists(self, session_key: str) -> bool:
        return self._rows(session_key).exists()

    def create_model_instance(self, data: dict[str, Any]) -> "AbstractBaseSession":
        row = super().create_model_instance(data)
        stored_keys = key_hashes(row.session_key)
        row.session_key = self._stored_key if self._stored_key in stored_keys else stored_keys[0]
        return row

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            self._rows(key).delete()

    def _rows(self, session_key: str) -> "QuerySet[AbstractBaseSession]":
        return self.model._default_manager.filter(session_key__in=key_hashes(session_key))
