"""What the processes use: CPU time and memory, from the operating system, by role."""

import contextlib
import os
from dataclasses import dataclass

import psutil

# What of it is Countersign itself.
PRODUCT = ("web", "worker")


@dataclass(frozen=True)
class Memory:
    """One process. `resident` counts shared pages in full, `proportional` this process's share of them; bytes."""

    role: str
    resident: int
    proportional: int


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Return the CPU time that each role has used since it started, ended children included; ours is the load."""
    used = {role: sum(_cpu_seconds(process) for process in _family(pid)) for role, pid in pids.items()}
    own = psutil.Process(os.getpid()).cpu_times()
    return {**used, "load generator": own.user + own.system}


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        # It has just ended, and counts from now on in its parent's ended children.
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def memory(pids: dict[str, int]) -> list[Memory]:
    """Return every process with its memory, by role."""
    processes = []
    for role, pid in pids.items():
        for process in _family(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                used = process.memory_full_info()
                processes.append(Memory(role, used.rss, used.pss))
    return processes


def per_transaction(before: dict[str, float], after: dict[str, float], transactions: int) -> dict[str, float]:
    """Return CPU milliseconds a transaction, by role: the product's, their sum, then what surrounds it."""
    used = {role: (after[role] - before[role]) * 1000 / max(transactions, 1) for role in after}
    product = {role: used.pop(role) for role in PRODUCT}
    return {**product, "Countersign": sum(product.values()), **used}
