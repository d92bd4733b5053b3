"""Template tags of the console."""

import re
from typing import Any

from django import template
from django.contrib import admin
from django.template import RequestContext
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from apps.common.console.documents import Document, error, troubleshooting
from apps.events.console import descriptions
from apps.events.models import Event

register = template.Library()
# A page of the documentation that a text names by its path in the repository.
NAMED_PAGE = re.compile(r"docs/([\w/-]+\.md)(?:#([\w-]+))?")


@register.inclusion_tag("admin/documents.html")
def documents(*names: str) -> dict[str, Any]:
    """Link sections of the troubleshooting page and pages of errors: `#anchor`, or the number or token of an error."""
    return {"documents": [troubleshooting(name[1:]) if name.startswith("#") else error(name) for name in names]}


@register.filter
def facts(event: Event) -> list[str]:
    return descriptions.facts(event)


@register.filter
def actor(event: Event) -> str:
    return descriptions.actor(event)


@register.inclusion_tag("admin/breadcrumbs.html", takes_context=True)
def breadcrumbs(context: RequestContext) -> dict[str, Any]:
    """Return the path to the current page: the list, the row and the action."""
    return {"parts": _path(context)}


@register.simple_tag(takes_context=True)
def page_title(context: RequestContext) -> str:
    """Return the path to the current page, starting with the page itself."""
    return " | ".join(text for text, _url in reversed(_path(context)) if text)


@register.simple_tag
def add_label(opts: Any) -> str:
    """Return the label of the button that adds a row of a model."""
    return capfirst(gettext("Add %(name)s") % {"name": opts.verbose_name})


@register.simple_tag
def delete_label(opts: Any) -> str:
    """Return the label of the button that deletes a row of a model."""
    return capfirst(gettext("Delete %(name)s") % {"name": opts.verbose_name})


def _path(context: RequestContext) -> list[tuple[str, str]]:
    opts, title = context.get("opts"), str(context.get("title") or "")
    if opts is None:
        return [(title, "")]
    model_admin = admin.site._registry[opts.model]
    page = f"admin:{opts.app_label}_{opts.model_name}"
    plural = getattr(model_admin, "page_title", "") or str(opts.verbose_name_plural)
    parts = [(capfirst(plural), reverse(f"{page}_changelist"))]
    row = context.get("original") or context.get("object")
    if row is not None and str(row).lower() != plural.lower():
        parts.append((str(row), reverse(f"{page}_change", args=[row.pk])))
    if row is None and context.get("add"):
        parts.append((add_label(opts), ""))
    elif title and title != plural and context.get("adminform") is None and context.get("cl") is None:
        parts.append((capfirst(title), ""))
    return parts


@register.filter
def link_documents(text: object) -> SafeString:
    """Link the pages of the documentation that a text names, such as `docs/context.md`."""
    parts, end = [], 0
    for match in NAMED_PAGE.finditer(str(text)):
        document = Document(match.group(), match[1], match[2] or "")
        link = format_html('<a href="{}">{}</a>', document.url, document.label) if document.url else document.label
        parts += [(str(text)[end : match.start()],), (link,)]
        end = match.end()
    return format_html_join("", "{}", [*parts, (str(text)[end:],)])
