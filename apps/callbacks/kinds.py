"""Kinds of messages in the outbox of callbacks. Apps above register theirs in AppConfig.ready.

The outbox stores, retries and shows the deliveries of all kinds. A kind is registered with the dotted path of its
class, a subclass of `apps.callbacks.messages.MessageKind`: processes that send nothing do not import its libraries.
"""

from functools import cache
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from apps.callbacks.messages import MessageKind

# Callbacks of portals.
PORTAL = "portal"
_PATHS = {PORTAL: "apps.callbacks.portals.PortalCallbacks"}


def register(name: str, path: str) -> None:
    """Register a kind under the name that is stored in its deliveries, with the dotted path of its class."""
    if _PATHS.setdefault(name, path) != path:
        raise ValueError(f"the kind {name} is registered twice")


def registered() -> "dict[str, MessageKind]":
    """Return all kinds by name."""
    return {name: _load(path) for name, path in _PATHS.items()}


def redeliverable() -> list[str]:
    """Return the names of the kinds whose permanently failed messages can be sent again."""
    return [name for name, kind in registered().items() if kind.can_be_redelivered]


def find(name: str) -> "MessageKind | None":
    """Return a kind, or None for the name of a kind that this version does not know."""
    return _load(_PATHS[name]) if name in _PATHS else None


@cache
def _load(path: str) -> "MessageKind":
    kind: MessageKind = import_string(path)()
    return kind
