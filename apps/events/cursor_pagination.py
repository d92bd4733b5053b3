"""Pages of the log: each begins where the one before it ended, so that the thousandth costs what the first does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from apps.events.models import Event
from apps.events.services import EPOCH

OLDER, NEWER = "older_than", "newer_than"
CURSOR_PATTERN = re.compile(r"[0-9]{1,16}-[0-9]{1,18}")
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cursor:
    """An event's place in the log."""

    occurred: datetime
    id: int

    @classmethod
    def for_event(cls, event: Event) -> Self:
        return cls(event.occurred, event.pk)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` wrote; None when it did not."""
        if not CURSOR_PATTERN.fullmatch(text):
            return None
        moment, number = text.split("-")
        return cls(EPOCH + timedelta(microseconds=int(moment)), int(number))

    def __str__(self) -> str:
        return f"{(self.occurred - EPOCH) // MICROSECOND}-{self.id}"


def older(events: QuerySet[Event], cursor: Cursor | None) -> QuerySet[Event]:
    """Return what lies behind the cursor, newest first; everything without one."""
    if cursor:
        # The first condition is where an index begins, the second leaves those of the same moment out.
        events = events.filter(Q(occurred__lt=cursor.occurred) | Q(id__lt=cursor.id), occurred__lte=cursor.occurred)
    return events.order_by("-occurred", "-id")


def newer(events: QuerySet[Event], cursor: Cursor) -> QuerySet[Event]:
    """Return what lies before the cursor, the nearest first."""
    events = events.filter(Q(occurred__gt=cursor.occurred) | Q(id__gt=cursor.id), occurred__gte=cursor.occurred)
    return events.order_by("occurred", "id")


@dataclass(frozen=True)
class Page:
    """Some events, newest first, and whether there are others on either side of them."""

    events: list[Event]
    has_newer: bool
    has_older: bool


def page(events: QuerySet[Event], parameters: Mapping[str, str], size: int) -> Page:
    """Return the page that `parameters` ask for, or else the newest one. Each asks for one event more than it shows."""
    if cursor := Cursor.parse(parameters.get(NEWER, "")):
        found = list(newer(events, cursor)[: size + 1])
        if len(found) > size:
            return Page(found[:size][::-1], has_newer=True, has_older=True)
        # The newest page, filled up.
    cursor = None if cursor else Cursor.parse(parameters.get(OLDER, ""))
    found = list(older(events, cursor)[: size + 1])
    return Page(found[:size], has_newer=cursor is not None, has_older=len(found) > size)


class Pages:
    """What the pagination's template shows: where the neighbours of a page are."""

    template_name = "admin/events/event/pages.html"

    def __init__(self, shown: Page, query: Mapping[str, Any]) -> None:
        self.newest = self.newer = self.older = ""
        if shown.has_newer:
            self.newest = _url(query)
        if shown.has_newer and shown.events:
            self.newer = _url(query, NEWER, shown.events[0])
        if shown.has_older:
            self.older = _url(query, OLDER, shown.events[-1])


def _url(query: Mapping[str, Any], name: str = "", event: Event | None = None) -> str:
    cursor = {name: str(Cursor.for_event(event))} if event else {}
    return f"?{urlencode({**query, **cursor}, doseq=True)}"


class EventChangeList(ChangeList):  # type: ignore[misc]
    """The list of the console, paged by parameters; nothing is counted."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        return {name: values for name, values in found.items() if name not in (OLDER, NEWER)}

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """Return the address of another list, which begins at its newest page."""
        address: str = super().get_query_string(new_params, [*(remove or ()), OLDER, NEWER])
        return address

    def get_results(self, request: HttpRequest) -> None:
        shown = page(self.queryset, request.GET, self.list_per_page)
        self.result_list = shown.events
        self.paginator = Pages(shown, self.get_filters_params())
        # The heading announces how many were filtered out when these two differ.
        self.result_count = self.full_result_count = len(shown.events)
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False
