"""Cursor pagination of the audit log: each page begins at a cursor, so all pages take the same time to read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from apps.common.console.admin import planned_for_values
from apps.events.models import Event
from apps.events.services import EPOCH

OLDER, NEWER = "older_than", "newer_than"
CURSOR_PATTERN = re.compile(r"[0-9]{1,16}-[0-9]{1,18}")
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cursor:
    """Position of an event in the log."""

    occurred: datetime
    id: int

    @classmethod
    def for_event(cls, event: Event) -> Self:
        return cls(event.occurred, event.pk)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse the text of a cursor, or return None if it is invalid."""
        if not CURSOR_PATTERN.fullmatch(text):
            return None
        microseconds, number = text.split("-")
        return cls(EPOCH + timedelta(microseconds=int(microseconds)), int(number))

    def __str__(self) -> str:
        return f"{(self.occurred - EPOCH) // MICROSECOND}-{self.id}"


def older(events: QuerySet[Event], cursor: Cursor | None) -> QuerySet[Event]:
    """Return the events older than the cursor, newest first, or all events without a cursor."""
    if cursor:
        # The condition on `occurred` selects the start in the index, the other one excludes events of the same time.
        events = events.filter(Q(occurred__lt=cursor.occurred) | Q(id__lt=cursor.id), occurred__lte=cursor.occurred)
    return events.order_by("-occurred", "-id")


def newer(events: QuerySet[Event], cursor: Cursor) -> QuerySet[Event]:
    """Return the events newer than the cursor, oldest first."""
    events = events.filter(Q(occurred__gt=cursor.occurred) | Q(id__gt=cursor.id), occurred__gte=cursor.occurred)
    return events.order_by("occurred", "id")


@dataclass(frozen=True)
class Page:
    """Page of events, newest first."""

    events: list[Event]
    has_newer: bool
    has_older: bool


def page(events: QuerySet[Event], parameters: Mapping[str, str], size: int) -> Page:
    """Return the page at the cursor in the query parameters, or the newest page. One more event is read."""
    if cursor := Cursor.parse(parameters.get(NEWER, "")):
        found = list(newer(events, cursor)[: size + 1])
        if len(found) > size:
            return Page(found[:size][::-1], has_newer=True, has_older=True)
        # Fewer events are newer than a page has: return the newest page.
    cursor = None if cursor else Cursor.parse(parameters.get(OLDER, ""))
    found = list(older(events, cursor)[: size + 1])
    return Page(found[:size], has_newer=cursor is not None, has_older=len(found) > size)


class PageLinks:
    """Links to the adjacent pages, for the pagination template."""

    template_name = "admin/events/event/pages.html"

    def __init__(self, current: Page, query: Mapping[str, Any]) -> None:
        self.newest = self.newer = self.older = ""
        if current.has_newer:
            self.newest = _url(query)
        if current.has_newer and current.events:
            self.newer = _url(query, NEWER, current.events[0])
        if current.has_older:
            self.older = _url(query, OLDER, current.events[-1])


def _url(query: Mapping[str, Any], name: str = "", event: Event | None = None) -> str:
    cursor = {name: str(Cursor.for_event(event))} if event else {}
    return f"?{urlencode({**query, **cursor}, doseq=True)}"


class EventChangeList(ChangeList):  # type: ignore[misc]
    """Event list of the console with cursor pagination and without a total."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        filters = super().get_filters_params(params)
        return {name: values for name, values in filters.items() if name not in (OLDER, NEWER)}

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """Return the query string of a list with other parameters, which begins at its newest page."""
        query: str = super().get_query_string(new_params, [*(remove or ()), OLDER, NEWER])
        return query

    def get_results(self, request: HttpRequest) -> None:
        with planned_for_values():
            current = page(self.queryset, request.GET, self.list_per_page)
        self.result_list = current.events
        self.paginator = PageLinks(current, self.get_filters_params())
        # The heading displays the number of filtered rows if these two differ.
        self.result_count = self.full_result_count = len(current.events)
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False
