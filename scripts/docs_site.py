"""Hooks of MkDocs (`mkdocs.yml`): adapt the pages, which are written for GitHub and editors, to the site.

- Pages outside `docs/` are pages of the site below `project/`. Links to other files outside `docs/` become their names.
- Headings have the anchors that GitHub gives them.
- Adjacent code blocks in different languages become tabs.
- Inline scripts become files, so that the site complies with the content security policy of the server.
"""

import hashlib
import logging
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from apps.console.documentation.paths import ROOT, anchor, linked_file, outside_pages, site_path

# A warning stops the build, because it is strict.
log = logging.getLogger("mkdocs.hooks.docs_site")

COMMENT = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
SCRIPTS = "assets/javascripts/inline"
EXTERNAL = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
LANGUAGES = {"sh": "Shell", "python": "Python", "typescript": "TypeScript", "javascript": "JavaScript"}
BLOCK = rf"```(?:{'|'.join(LANGUAGES)})\n(?:(?!```).*\n)*```\n"
RUN = re.compile(rf"^{BLOCK}(?:\n{BLOCK})+", re.MULTILINE)


def on_config(config: Any) -> None:
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor


def on_files(files: Files, config: Any) -> Files:
    for path in outside_pages():
        files.append(File.generated(config, site_path(path), content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_arguments: Any) -> str:
    source = page.file.src_uri
    text = COMMENT.sub("", markdown)
    text = outside_code(text, lambda part: LINK.sub(lambda link: rewritten(link, source, files), part))
    return RUN.sub(tabs, text)


def on_post_page(output: str, page: Any, config: Any, **_arguments: Any) -> str:
    """Report what the page would load from another host, and replace its inline scripts. The site works offline."""
    for resource in EXTERNAL.findall(output):
        log.warning("Doc file '%s' loads a resource from another host: %s", page.file.src_uri, resource)
    folder = posixpath.dirname(page.file.dest_uri)
    return INLINE_SCRIPT.sub(lambda script: script_file(script[1], folder, Path(config.site_dir)), output)


def script_file(code: str, folder: str, site: Path) -> str:
    """Write an inline script to a file, which many pages share, and return the element that loads it."""
    path = f"{SCRIPTS}/{hashlib.sha256(code.encode()).hexdigest()[:16]}.js"
    (site / path).parent.mkdir(parents=True, exist_ok=True)
    (site / path).write_text(code, encoding="utf-8")
    return f'<script src="{posixpath.relpath(path, folder or ".")}"></script>'


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change the parts of a text that are not in a fenced block."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, change(text[end:])])


def rewritten(link: re.Match[str], source: str, files: Files) -> str:
    """Return a link for the site. The targets of links are relative to the file in the repository."""
    mark, text, target = link.groups()
    path, hash_sign, fragment = target.partition("#")
    if not path or re.match(r"[a-z]+:", target):
        return link.group()
    found = linked_file(source, path)
    uri = site_path(found)
    if files.get_file_from_path(uri):
        relative = posixpath.relpath(uri, posixpath.dirname(source) or ".")
        return f"{mark}[{text}]({relative}{hash_sign}{fragment})"
    if (ROOT / found).is_dir() or ((ROOT / found).exists() and not found.startswith("docs/")):
        return text if text.strip("`") == found else f"{text} (`{found}`)"
    # MkDocs reports a broken link.
    return link.group()


def tabs(run: re.Match[str]) -> str:
    """Return adjacent code blocks as tabs, if each has another language."""
    blocks = re.findall(BLOCK, run.group())
    languages = [block[3 : block.index("\n")] for block in blocks]
    if len(set(languages)) < len(languages):
        return run.group()
    parts = []
    for language, block in zip(languages, blocks, strict=True):
        title = "curl" if language == "sh" and "curl" in block else LANGUAGES[language]
        lines = "".join(f"    {line}\n" if line else "\n" for line in block.splitlines())
        parts.append(f'=== "{title}"\n\n{lines}')
    return "\n".join(parts)
