"""Check the systemd units in deploy/systemd with `systemd-analyze`, without installing or starting them."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Exposure of a service from 0.0 (fully sandboxed) to 10.0.
MAX_EXPOSURE = 2.0


def main() -> None:
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        units = copy(Path(directory))
        # The units of dependencies such as postgresql.service are not installed everywhere.
        verified = analyze("verify", "--recursive-errors=no", "--man=no", *map(str, units))
        failed |= report("units: systemd-analyze verify", verified)
        for unit in units:
            if unit.suffix == ".service":
                offline = analyze(
                    "security", "--offline=true", f"--threshold={MAX_EXPOSURE * 10:.0f}", "--no-pager", str(unit)
                )
                exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", offline.stdout)
                level = exposure.group(1) if exposure else "unknown"
                failed |= report(f"units: exposure of {unit.name} is {level}, at most {MAX_EXPOSURE}", offline)
    sys.exit(failed)


def copy(directory: Path) -> list[Path]:
    """Return copies of the units whose paths exist: verification needs the program of each service."""
    project = directory / "countersign"
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(sys.executable)
    (project / "countersign.env").touch()
    units = []
    for source in sorted((ROOT / "deploy/systemd").glob("*.*")):
        if source.suffix not in (".service", ".timer"):
            continue
        text = source.read_text().replace("/opt/countersign", str(project))
        # An instance of a template.
        instance = {"countersign-web@.service": "8001", "countersign-worker@.service": "push"}.get(source.name, "")
        units.append(directory / source.name.replace("@.", f"@{instance}."))
        units[-1].write_text(text.replace("/etc/countersign/", f"{project}/"))
    return units


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )


def report(name: str, process: subprocess.CompletedProcess[str]) -> bool:
    """Print the result of a check. Return True if it failed."""
    print(f"{'FAILED' if process.returncode else 'ok':8} {name}")
    if process.returncode:
        print(process.stdout + process.stderr)
    return bool(process.returncode)


if __name__ == "__main__":
    main()
