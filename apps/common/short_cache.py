"""Configuration rows that every request reads, kept in the memory of a process for CONFIGURATION_CACHE_SECONDS.

A change takes effect within that time. The rows are shared between threads, so they must not be changed.
"""

import time
from collections.abc import Callable, Hashable
from typing import Any, Self, TypeVar, cast

from django.conf import settings
from solo.models import SingletonModel

T = TypeVar("T")

_entries: dict[Hashable, tuple[float, object]] = {}


def get(key: Hashable, load: Callable[[], T | None]) -> T | None:
    """Return the row of a key. An absent row is not kept, so that unknown names cannot fill the memory."""
    expires_at, row = _entries.get(key, (0.0, None))
    if expires_at > time.monotonic():
        return cast(T, row)
    loaded = load()
    if loaded is not None:
        _entries[key] = (time.monotonic() + settings.CONFIGURATION_CACHE_SECONDS, loaded)
    return loaded


def clear() -> None:
    _entries.clear()


class CachedSingleton(SingletonModel):
    """Configuration of one row. A process that saves it reads it again."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        _entries.pop(type(self), None)

    @classmethod
    def get_solo(cls) -> Self:
        return cast(Self, get(cls, super().get_solo))
