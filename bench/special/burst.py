"""Starts at the maximum rate, with a fast and with a slow push provider."""

from bench import clients, database
from bench.jobs import base
from bench.jobs.base import Session
from bench.jobs.portal import StartPush
from bench.options import Options
from bench.rounds import Figures


def measure(session: Session, options: Options) -> Figures:
    """Measure E3 while the push provider responds immediately, and after the delay."""
    figures: Figures = {}
    try:
        for delay_ms in (0, options.provider_ms):
            figures |= {f"provider {delay_ms} ms: {name}": value for name, value in _burst(session, options, delay_ms)}
    finally:
        clients.set_provider_delay(session.installation, 0)
    slow, fast = (figures[f"provider {delay_ms} ms: p50 ms"] for delay_ms in (options.provider_ms, 0))
    return {**figures, "p50 with the slow provider / p50 with the fast one": slow / fast}


def _burst(session: Session, options: Options, delay_ms: int) -> list[tuple[str, float]]:
    clients.set_provider_delay(session.installation, delay_ms)
    database.end_pending(session.connection)
    base.run_for(StartPush(), session, options.clients, 1.0)
    session.arrivals.most_in_flight = 0
    result = base.run_for(StartPush(), session, options.clients, options.seconds)
    database.wait_until_delivered(session.connection)
    result.check()
    figures = {**base.latency(result), "most pushes in flight": session.arrivals.most_in_flight}
    return list(figures.items())
