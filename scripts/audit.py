"""Look up the locked packages in the advisory database. The audit fails if no package could be looked up.

With AUDIT=offline it prints a warning instead, for machines without access to the advisory database.
"""

import json
import os
import subprocess
import sys


def audit() -> int:
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--disable-pip"]
    command += ["--require-hashes", "--requirement", "requirements/production.txt"]
    completed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    try:
        dependencies = json.loads(completed.stdout)["dependencies"]
    except (ValueError, KeyError):
        dependencies = []
    looked_up = [entry for entry in dependencies if "vulns" in entry]
    if not looked_up:
        print("NOT AUDITED: no package could be looked up.", completed.stderr.strip()[-300:])
        return 0 if os.environ.get("AUDIT") == "offline" else 1
    advisories = [
        (entry["name"], advisory["id"], advisory["fix_versions"]) for entry in looked_up for advisory in entry["vulns"]
    ]
    for name, identifier, fixed in advisories:
        print(f"{name}: {identifier}, fixed in {', '.join(fixed) or 'no release yet'}")
    skipped = len(dependencies) - len(looked_up)
    print(f"{len(looked_up)} packages looked up, {skipped} not, {len(advisories)} advisories")
    return 1 if advisories or skipped else 0


if __name__ == "__main__":
    sys.exit(audit())
