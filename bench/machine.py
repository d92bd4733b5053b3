"""Description of the machine and the measured checkouts."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return the date, the hardware, and the load before the run."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def commit(root: Path) -> str:
    """Return the commit of a checkout, or `unknown` without version control."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return result.stdout.strip() or "unknown"


def heading(machine: dict[str, Any], checkouts: dict[str, str]) -> str:
    versions = ", ".join(f"{label}: {version}" for label, version in checkouts.items())
    return (
        f"Countersign, {versions}. {machine['date']}, {machine['cores']} cores, {machine['processor']}, "
        f"Python {machine['python']}, load before: {machine['load_before']}"
    )
