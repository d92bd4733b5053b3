"""Files of the web phone, read once and kept in memory until the build changes them.

Their names have no version, so browsers revalidate each file with its ETag: a hash of the content, equal in all
processes and on all machines.
"""

import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
COMPRESSED = (".css", ".html", ".js", ".json", ".map", ".svg", ".txt", ".webmanifest")
DEFAULT_CONTENT_TYPE = "application/octet-stream"
# The files belong together: without the page, the phone is not built.
PAGE = "index.html"


@dataclass(frozen=True)
class File:
    """Content of a file. `compressed` is empty if compression does not make it smaller."""

    content: bytes
    compressed: bytes
    content_type: str
    digest: str


def is_built() -> bool:
    return (settings.PHONE_DIR / PAGE).is_file()


def read(name: str) -> File | None:
    """Return a file of the bundle, or None if there is none with this name."""
    path = settings.PHONE_DIR / name
    if name not in names():
        return None
    try:
        status = path.stat()
        return _load(path, status.st_mtime_ns, status.st_size)
    except OSError:
        # The build has just replaced the directory.
        return None


def names() -> list[str]:
    """Return the names of all files, sorted. Names that begin with a dot are stamps of the build."""
    paths = sorted(path for path in settings.PHONE_DIR.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [path.relative_to(settings.PHONE_DIR).as_posix() for path in paths]


@lru_cache(maxsize=256)
def _load(path: Path, _changed_at: int, _size: int) -> File:
    content = path.read_bytes()
    compressed = gzip.compress(content, compresslevel=9, mtime=0) if path.suffix in COMPRESSED else b""
    return File(
        content,
        compressed if len(compressed) < len(content) else b"",
        CONTENT_TYPES.get(path.suffix, DEFAULT_CONTENT_TYPE),
        sha256(content).hexdigest(),
    )
