"""CPU time and memory of the processes by role, from the operating system."""

import contextlib
import os
from dataclasses import dataclass

import psutil

# Roles of Countersign itself.
PRODUCT = ("web", "worker")


@dataclass(frozen=True)
class Memory:
    """Memory of one process in bytes. `resident` counts shared pages in full, `proportional` their share."""

    role: str
    resident: int
    proportional: int


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Return the CPU time of each role since its start, including ended children, and of the load generator."""
    used = {role: sum(_cpu_seconds(process) for process in _family(pid)) for role, pid in pids.items()}
    own = psutil.Process(os.getpid()).cpu_times()
    return {**used, "load generator": own.user + own.system}


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        # The process has just ended and is included in the ended children of its parent.
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def memory(pids: dict[str, int]) -> list[Memory]:
    """Return the memory of every process by role."""
    processes = []
    for role, pid in pids.items():
        for process in _family(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                used = process.memory_full_info()
                processes.append(Memory(role, used.rss, used.pss))
    return processes


def per_transaction(before: dict[str, float], after: dict[str, float], transactions: int) -> dict[str, float]:
    """Return CPU milliseconds per transaction by role: those of Countersign, their sum, then all others."""
    used = {role: (after[role] - before[role]) * 1000 / max(transactions, 1) for role in after}
    product = {role: used.pop(role) for role in PRODUCT}
    return {**product, "Countersign": sum(product.values()), **used}
