"""Run a script of a client in TypeScript: `typescript.py SCRIPT [CLIENT]`, for example `lint` or `types web-phone`.

Its packages are installed once for each lockfile. Node and npm come from the locked Python packages.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import node

NODE, NPM = node.of_the_package()
_package = node.Package("typescript", (NODE, NPM))
PACKAGE = _package.path


def install() -> None:
    """Install the packages of the lockfile. Raises CalledProcessError if a registry is unreachable."""
    _package.install()


def build() -> None:
    """Compile the library to `dist`."""
    install()
    _package.build([path for path in node.sources_of(PACKAGE) if "test" not in path.parts])


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run Node with the installed packages, and return its exit code and captured output."""
    return _package.run(*arguments, **options)


def main() -> int:
    package = node.Package(sys.argv[2], (NODE, NPM)) if len(sys.argv) > 2 else _package
    try:
        package.install()
    except subprocess.CalledProcessError as error:
        reason = node.error_code(error)
        print(f"Missing: the npm packages could not be installed ({reason}). Is a registry reachable (npm config)?")
        return 1
    return package.run(NPM, "run", "--silent", sys.argv[1], env=package.environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
