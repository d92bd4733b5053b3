"""Push throughput of one worker process with a full queue and fakes of APNs, FCM and a push service of browsers."""

from bench import accounting, clients, database
from bench.clients import User, enroll_user
from bench.jobs.base import Session
from bench.options import Options
from bench.rounds import Figures
from bench.special import rows
from tests.fakes.apns import ApnsControl
from tests.fakes.web_push import WebPushControl

WARM_UP = 200
PHONES = 10
TABLE = "transactions_pushdelivery"


def measure(session: Session, options: Options) -> Figures:
    """Drain a full queue for each provider and response time."""
    apple, browsers = ApnsControl(session.installation.apple_url), WebPushControl(session.installation.web_push_url)
    figures = Figures()
    apple.stop_recording()
    users = {"APNs": _users(session, "ios"), "FCM": session.users[:PHONES]}
    if session.installation.has_web_push:
        users["Web Push"] = _users(session, "web")
    try:
        for delay_ms in (0, options.provider_ms):
            for service in (apple, browsers):
                service.delay(delay_ms)
            clients.set_provider_delay(session.installation, delay_ms)
            for provider, phones in users.items():
                drain(session, phones, WARM_UP)
                drained = drain(session, phones, options.pushes)
                figures |= {f"{provider} {delay_ms} ms: {name}": value for name, value in drained.items()}
    finally:
        for service in (apple, browsers):
            service.delay(0)
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


def _users(session: Session, platform: str) -> list[User]:
    """Return the users of a platform, who are enrolled once in a run."""
    if platform not in session.cache:
        names = [f"{platform}-{number}" for number in range(PHONES)]
        session.cache[platform] = [enroll_user(session.installation, session.portal, name, platform) for name in names]
    users: list[User] = session.cache[platform]
    return users
