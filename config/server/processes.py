"""File limits and parent supervision of the web processes."""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys

from django.conf import settings

# From prctl(2) of Linux.
PR_SET_PDEATHSIG = 1
# Files for the database, logs and connections to other systems.
OTHER_FILES = 256


def raise_file_limit() -> None:
    """Raise the limit of open files of this process and its children to the number that its connections need."""
    required = settings.WEB_MAX_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < required:
        new_soft = required if hard == resource.RLIM_INFINITY else min(required, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (new_soft, hard))


def max_connections() -> int:
    """Return the maximum number of connections of a process, which the limit of open files can reduce."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return int(settings.WEB_MAX_CONNECTIONS)
    return max(min(settings.WEB_MAX_CONNECTIONS, soft - OTHER_FILES), 16)


def prepare_worker() -> None:
    """Terminate this web process with its parent, if it has one. An orphaned process would block the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # Ctrl-C reaches all processes of the group, but only the parent stops the web processes.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The kernel sends no signal if the parent ended before this call.
        if os.getppid() != parent.pid:
            os._exit(1)
