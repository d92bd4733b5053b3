"""Steps that run a module of this checkout, or measure one request."""

import json
import subprocess
import sys
from typing import Any

from bench import slow_clients
from bench.jobs.base import Session
from bench.options import Options
from bench.processes import ROOT
from bench.rounds import Figures

TIMEOUT_SECONDS = 60


def sealing(session: Session, _options: Options) -> Figures:
    """Measure the CPU time of sealed messages, in Countersign and in gpg."""
    result = _run_module(session, "sealing")
    own = {f"{name}: Countersign": value for name, value in result["cpu_ms"].items()}
    return {**own, **{f"{name}: gpg": value for name, value in result["gpg_cpu_ms"].items()}}


def context(session: Session, _options: Options) -> Figures:
    """Measure the request context alone, and E3 without and with it."""
    user = session.users[0]
    arguments = {
        "client_secret": session.installation.client_secret,
        "user_id": user.user_id,
        "device_id": user.phone.device_id,
    }
    result = _run_module(session, "context", json.dumps(arguments))
    ratio = result["start_with_context_ms"] / result["start_ms"]
    return {
        "step ms": result["step_ms"],
        "E3 without ms": result["start_ms"],
        "E3 with ms": result["start_with_context_ms"],
        "E3 with / without": ratio,
    }


def slow(session: Session, _options: Options) -> Figures:
    """Measure a health check, alone and beside slow clients."""
    result = slow_clients.measure(session.installation.url)
    return {
        "alone ms": result["usual_ms"],
        f"beside {result['connections']} slow clients ms": result["attacked_ms"],
        "ratio of both": result["attacked_ms"] / result["usual_ms"],
    }


def _run_module(session: Session, module: str, stdin: str = "") -> dict[str, Any]:
    """Run a module of the bench in a separate process with the settings of the installation, without other load."""
    process = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", "--json"],
        cwd=ROOT,
        env=session.installation.environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(process.stderr.strip().splitlines()[-1])
    result: dict[str, Any] = json.loads(process.stdout)
    return result
