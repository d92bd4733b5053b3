"""Build the web phone to clients/web-phone/dist, unless it was built from the same sources.

Exit codes: 0 it is built, 1 it could not be built, 2 there is no Node (build-phone.sh installs one).
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import node

PHONE = node.CLIENTS / "web-phone"
NO_NODE = 2


def main() -> int:
    # The library of devices is bundled from its sources.
    library = node.CLIENTS / "typescript"
    sources = [*node.sources_of(PHONE, library / "src"), library / "package.json"]
    if node.is_built(PHONE / "dist" / ".built", node.digest_of(sources)):
        return 0
    try:
        package = node.Package(PHONE.name, find_node())
    except node.NodeMissing:
        return NO_NODE
    print("Building the web phone", flush=True)
    try:
        package.install(development=False)
    except subprocess.CalledProcessError as error:
        reason = node.error_code(error)
        return report(f"npm could not install its packages ({reason}); is a registry reachable (npm config)?")
    try:
        package.build(sources)
    except subprocess.CalledProcessError:
        return report("its build failed.")
    return 0


def find_node() -> tuple[str, str]:
    try:
        return node.of_the_system()
    except node.NodeMissing:
        return node.of_the_package()


def report(reason: str) -> int:
    print(f"Missing: the web phone at /phone/, because {reason} Everything else works.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
