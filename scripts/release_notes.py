"""Print the notes of this version for its release: its changes, and the SHA-256 of the files of the web phone."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from apps import VERSION  # noqa: E402

HASHES = """### Files of the web phone

SHA-256 of the files at `/phone/`. `sha256sum --check` compares them with those in `clients/web-phone/dist`.

```
{hashes}
```"""


def main() -> int:
    changes = changes_of(VERSION)
    if not changes:
        print(f"Missing: the section “## {VERSION}” of CHANGELOG.md", file=sys.stderr)
        return 1
    built = subprocess.run([ROOT / "scripts" / "phone-hashes.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        return built.returncode
    print(f"{changes}\n\n{HASHES.format(hashes=built.stdout.strip())}")
    return 0


def changes_of(version: str) -> str:
    """Return the section of a version in the changelog with its heading, or an empty text."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    section = re.search(rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return section[0].strip() if section else ""


if __name__ == "__main__":
    sys.exit(main())
