"""Pages in Markdown as HTML: headings with the anchors of the site, links between pages, no HTML of the text."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions.tables import TableExtension
from markdown.extensions.toc import TocExtension
from markdown.inlinepatterns import SimpleTagInlineProcessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from apps.common.console.documents import PATH
from apps.console.documentation import paths, sources

# Marks for the tests of the documentation.
COMMENT = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
EXTERNAL = re.compile(r"(https?|mailto):")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class Section(NamedTuple):
    title: SafeString
    anchor: str


class RenderedPage(NamedTuple):
    """`title` is the text of the first heading; `sections` are the headings of the second level."""

    title: str
    content: SafeString
    sections: list[Section]


def render(page: str, text: str) -> RenderedPage:
    """Render the text of a page. `page` is its path on the site, to which its links are relative."""
    markdown = Markdown(
        extensions=[TableExtension(), TocExtension(slugify=paths.anchor, permalink="#", toc_depth="1-2")]
    )
    # HTML in a text is displayed as it is, except powers.
    markdown.preprocessors.deregister("html_block")
    markdown.inlinePatterns.deregister("html")
    markdown.inlinePatterns.register(SimpleTagInlineProcessor(r"<(sup)>(\d+)</sup>", "sup"), "power", 90)
    markdown.preprocessors.register(FencedCode(markdown), "fenced_code", 25)
    # After the inline patterns (20), which create the links.
    markdown.treeprocessors.register(Targets(markdown, page), "targets", 15)
    content = markdown.convert(COMMENT.sub("", text))
    first, *others = list(_sections(markdown.toc_tokens)) or [Section(SafeString(page), "")]  # type: ignore[attr-defined]
    return RenderedPage(first.title, mark_safe(content), others)  # noqa: S308 - escaped by Markdown


def _sections(tokens: list[dict[str, Any]]) -> Iterator[Section]:
    for token in tokens:
        yield Section(mark_safe(token["name"]), token["id"])  # noqa: S308 - escaped by Markdown
        yield from _sections(token["children"])


class FencedCode(Preprocessor):
    """Code blocks with a fence, also in lists, where the extension of Markdown has none."""

    def run(self, lines: list[str]) -> list[str]:
        return FENCE.sub(self._stored, "\n".join(lines)).split("\n")

    def _stored(self, fence: re.Match[str]) -> str:
        indent = fence["indent"]
        code = "\n".join(line.removeprefix(indent) for line in fence["code"].split("\n"))
        language = f' class="language-{fence["language"]}"' if fence["language"] else ""
        block = self.md.htmlStash.store(f'<pre tabindex="0"><code{language}>{escape(code)}</code></pre>')
        return f"{indent}{block}" if indent else f"\n{block}\n"


class Targets(Treeprocessor):
    """Links and pictures point to what this server has; tables can be scrolled to the side."""

    def __init__(self, markdown: Markdown, page: str) -> None:
        super().__init__(markdown)
        self.page = page

    def run(self, root: Element) -> None:
        for parent in list(root.iter()):
            for position, child in enumerate(list(parent)):
                if child.tag == "a":
                    self._resolve_link(child)
                elif child.tag == "img":
                    self._resolve_picture(child)
                elif child.tag == "table":
                    parent[position] = _scrollable(child)

    def _resolve_link(self, link: Element) -> None:
        target = link.get("href", "")
        if EXTERNAL.match(target) or target.startswith("#"):
            return
        path, hash_sign, fragment = target.partition("#")
        url = None if SCHEME.match(target) else self._url(path)
        if url:
            link.set("href", f"{url}{hash_sign}{fragment}")
            return
        # A file that this server does not have is named.
        link.tag = "span"
        link.attrib.clear()
        file = paths.linked_file(self.page, path)
        if "".join(link.itertext()) != file:
            last = link[-1] if len(link) else None
            if last is None:
                link.text = f"{link.text or ''} ("
            else:
                last.tail = f"{last.tail or ''} ("
            name = SubElement(link, "code")
            name.text, name.tail = file, ")"

    def _resolve_picture(self, picture: Element) -> None:
        url = None if SCHEME.match(picture.get("src", "")) else self._url(picture.get("src", ""))
        if url:
            picture.set("src", url)
            picture.set("loading", "lazy")
            return
        picture.tag, picture.text = "em", picture.get("alt")
        picture.attrib.clear()

    def _url(self, path: str) -> str | None:
        found = paths.site_path(paths.linked_file(self.page, path))
        if found in sources.pages():
            return page_url(found)
        return f"{PATH}{found}" if found in sources.files() else None


def page_url(page: str) -> str:
    return PATH if page == "index.md" else f"{PATH}{page.removesuffix('.md')}.html"


def _scrollable(table: Element) -> Element:
    frame = Element("div", {"class": "table", "tabindex": "0"})
    frame.tail, table.tail = table.tail, None
    frame.append(table)
    return frame
