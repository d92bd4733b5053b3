"""Pages of the documentation as HTML, for servers without the built site."""

from functools import lru_cache
from pathlib import Path

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.console.documentation.markdown import Section, page_url, render
from apps.console.documentation.menu import Entry, menu, neighbors

TEMPLATE = "documentation.html"


def html(page: str, source: Path) -> bytes:
    """Return a page. It is rendered again after a change of its file."""
    return _html(page, source, source.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _html(page: str, source: Path, _changed_at: int) -> bytes:
    rendered = render(page, source.read_text(encoding="utf-8"))
    previous, following = neighbors(page)
    context = {
        "page": rendered,
        "menu": _list(menu(), page, rendered.sections),
        "previous": previous and (previous.title, page_url(previous.page)),
        "next": following and (following.title, page_url(following.page)),
    }
    return render_to_string(TEMPLATE, context).encode()


def _list(entries: tuple[Entry, ...], page: str, sections: list[Section]) -> SafeString:
    items = ((_item(entry, page, sections),) for entry in entries)
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", items))


def _item(entry: Entry, page: str, sections: list[Section]) -> SafeString:
    if entry.entries:
        is_open = any(below.page == page for below in entry.pages())
        return format_html(
            "<details{}><summary>{}</summary>{}</details>",
            SafeString(" open" if is_open else ""), entry.title, _list(entry.entries, page, sections),
        )  # fmt: skip
    if entry.page != page:
        return format_html('<a href="{}">{}</a>', page_url(entry.page), entry.title)
    links = format_html_join(
        "", '<li><a href="#{}">{}</a></li>', ((section.anchor, section.title) for section in sections)
    )
    link = format_html('<a href="{}" aria-current="page">{}</a>', page_url(page), entry.title)
    return format_html('{}<ul class="sections">{}</ul>', link, links) if links else link
