"""Identifiers of rows."""

from uuid import UUID

from uuid_utils.compat import uuid7


def time_ordered_id() -> UUID:
    """Return a UUID that begins with the time (version 7, RFC 9562, 5.7).

    New rows then touch the same pages of an index, which halves the WAL of a login after a checkpoint. The id is not a
    secret: it reveals when it was created.
    """
    return uuid7()


def shorten(identifier: UUID) -> str:
    """Return the end of an id for lists. Ids of the same minute begin with the same characters."""
    return f"…{str(identifier)[-8:]}"
