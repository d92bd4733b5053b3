"""Lint the API description with the rules of Redocly and Spectral: `lint_openapi.py [FILE]`.

Without a file, the description of the code is linted. Exits with 1 if there is a finding.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import node, openapi_tools


def main() -> int:
    try:
        openapi_tools.install()
    except subprocess.CalledProcessError as error:
        reason = node.error_code(error)
        print(f"Missing: the npm packages could not be installed ({reason}). Is a registry reachable (npm config)?")
        return 1
    with TemporaryDirectory() as directory:
        path = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(directory) / "openapi.json"
        if len(sys.argv) == 1:
            openapi_tools.write_description(path)
        return openapi_tools.run("lint.js", str(path)).returncode


if __name__ == "__main__":
    sys.exit(main())
