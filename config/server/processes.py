"""What every serving process does for its parent, and the parent for its children."""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys

from django.conf import settings

# Of Linux's prctl(2).
PR_SET_PDEATHSIG = 1
# For the database, log files and connections to other systems.
OTHER_FILES = 256


def raise_file_limit() -> None:
    """Allow this process and its children as many open files as its connections need."""
    wanted = settings.WEB_MAX_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        highest = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))


def max_connections() -> int:
    """Return how many connections a process may have: the setting, or fewer if the system allows fewer open files."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return int(settings.WEB_MAX_CONNECTIONS)
    return max(min(settings.WEB_MAX_CONNECTIONS, soft - OTHER_FILES), 16)


def prepare_worker() -> None:
    """Tie a serving process to its parent, if it has one: without it, it would keep the port, and nobody stop it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # Ctrl-C reaches every process of the group; a serving process is stopped by its parent alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The kernel sends nothing for a parent that ended before this call.
        if os.getppid() != parent.pid:
            os._exit(1)
