"""Push throughput of one worker process with a full queue and fakes of APNs and FCM."""

from bench import accounting, clients, database
from bench.clients import User, enroll_user
from bench.jobs.base import Session
from bench.options import Options
from bench.rounds import Figures
from bench.special import rows
from tests.fakes.apns import ApnsControl

WARM_UP = 200
PHONES = 10
TABLE = "transactions_pushdelivery"


def measure(session: Session, options: Options) -> Figures:
    """Drain a full queue for each provider and response time."""
    apple, figures = ApnsControl(session.installation.apple_url), Figures()
    apple.stop_recording()
    users = {"APNs": _apple_users(session), "FCM": session.users[:PHONES]}
    try:
        for delay_ms in (0, options.provider_ms):
            apple.delay(delay_ms)
            clients.set_provider_delay(session.installation, delay_ms)
            for provider, phones in users.items():
                drain(session, phones, WARM_UP)
                drained = drain(session, phones, options.pushes)
                figures |= {f"{provider} {delay_ms} ms: {name}": value for name, value in drained.items()}
    finally:
        apple.delay(0)
        clients.set_provider_delay(session.installation, 0)
        # The transactions of the pushes are pending, and the number of pending transactions of a user is limited.
        database.end_pending(session.connection)
    return figures


def drain(session: Session, users: list[User], count: int) -> Figures:
    """Deliver `count` pushes and return their rate and CPU time."""
    pids = session.installation.pids
    rows.add_pushes(session, users, count)
    before = accounting.cpu_seconds(pids)
    seconds = rows.drain(session, TABLE)
    cpu = accounting.cpu_ms(before, accounting.cpu_seconds(pids), count)
    return {"pushes/s": count / seconds, "worker CPU ms": cpu["worker"], "PostgreSQL CPU ms": cpu["PostgreSQL"]}


def _apple_users(session: Session) -> list[User]:
    names = [f"apple-{number}" for number in range(PHONES)]
    return [enroll_user(session.installation, session.portal, name, "ios") for name in names]
