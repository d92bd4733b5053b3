"""CPU time and memory of the processes by role, from the operating system."""

import contextlib
import os

import psutil

from bench.processes import family
from bench.product import PRODUCT

Pids = dict[str, list[int]]
MEGABYTE = 1024 * 1024
# Roles whose CPU time is the cost of a job.
COUNTED = (*PRODUCT, "PostgreSQL", "Redis")


def cpu_seconds(pids: Pids) -> dict[str, float]:
    """Return the CPU time of each role since its start, including ended children, and of the load generator."""
    used = {role: sum(_cpu_seconds(member) for pid in each for member in family(pid)) for role, each in pids.items()}
    own = psutil.Process(os.getpid()).cpu_times()
    return {**used, "load generator": own.user + own.system}


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        # The process has just ended and is included in the ended children of its parent.
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def cpu_ms(before: dict[str, float], after: dict[str, float], jobs: int) -> dict[str, float]:
    """Return CPU milliseconds per job by role and their sum, without the fakes and the load generator."""
    used = {role: (after[role] - before[role]) * 1000 / max(jobs, 1) for role in COUNTED if role in after}
    return {**used, "sum": sum(used.values())}


def memory_mb(pids: Pids, role: str) -> float:
    """Return the proportional set size (PSS) of all processes of a role: shared pages count with their share."""
    total = 0
    for pid in pids[role]:
        for member in family(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.memory_full_info().pss
    return total / MEGABYTE
