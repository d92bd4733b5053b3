"""Latency of logins at several numbers of portals, and the throughput with several processes."""

from bench import accounting, database
from bench.jobs import base
from bench.jobs.base import Session
from bench.jobs.device import Login
from bench.options import Options
from bench.rounds import Figures

PROCESSES = (1, 2, 4)
SCALING_CLIENTS = 16
WARM_UP_SECONDS = 1.0


def latency(session: Session, options: Options) -> Figures:
    """Measure whole logins of 1, 8 and 32 concurrent portals."""
    figures: Figures = {}
    session.enroll(max(options.portals))
    for portals in options.portals:
        base.run_for(Login(), session, portals, WARM_UP_SECONDS)
        result = base.run_for(Login(), session, portals, options.seconds)
        result.check()
        figures |= {f"{portals} portals: {name}": value for name, value in base.latency(result).items()}
    first, last = options.portals[0], options.portals[-1]
    figures["p99 of the last level / p50 of the first"] = (
        figures[f"{last} portals: p99 ms"] / figures[f"{first} portals: p50 ms"]
    )
    return figures


def scaling(session: Session, options: Options) -> Figures:
    """Measure logins with 1, 2 and 4 web processes and as many workers."""
    figures: Figures = {}
    installation = session.installation
    try:
        for count in PROCESSES:
            installation.stop()
            installation.start(web_workers=count, workers=count)
            base.run_for(Login(), session, SCALING_CLIENTS, WARM_UP_SECONDS)
            before = accounting.cpu_seconds(installation.pids)
            result = base.run_for(Login(), session, SCALING_CLIENTS, options.seconds)
            database.wait_until_delivered(session.connection)
            cpu = accounting.cpu_ms(before, accounting.cpu_seconds(installation.pids), len(result.durations))
            result.check()
            figures |= {f"{count} processes: {name}": value for name, value in base.latency(result).items()}
            figures[f"{count} processes: CPU ms per login"] = cpu["sum"]
    finally:
        installation.stop()
        installation.start(options.web_workers)
    return figures


def memory(session: Session, options: Options) -> Figures:
    """Measure the memory of a web server with two processes and of a worker, at the start and after logins."""
    figures: Figures = {}
    installation = session.installation
    try:
        installation.stop()
        installation.start(web_workers=2)
        base.run_for(Login(), session, 1, WARM_UP_SECONDS)
        figures |= _memory(session, "at the start")
        base.run_for(Login(), session, options.clients, options.seconds).check()
        figures |= _memory(session, "after the load")
    finally:
        installation.stop()
        installation.start(options.web_workers)
    return figures


def _memory(session: Session, when: str) -> Figures:
    pids = session.installation.pids
    used = {role: accounting.memory_mb(pids, role) for role in ("web", "worker", "PostgreSQL")}
    own = used["web"] + used["worker"]
    return {f"{role}, {when}": value for role, value in {**used, "web and worker": own}.items()}
