"""Jobs of a device: list pending transactions, fetch a challenge, answer it."""

from typing import Any

from bench.clients import User
from bench.jobs.base import Job, Session


class ListPending(Job):
    """Job with few pending transactions for each user: the jobs of a round share those of their user."""

    name, title = "list", "List the pending transactions of a device"

    def prepare(self, session: Session, user: User) -> None:
        if not user.phone.pending():
            session.portal.start(user)

    def run(self, session: Session, user: User, prepared: Any) -> None:
        user.phone.pending()


class Fetch(Job):
    name, title = "fetch", "Fetch a challenge"

    def prepare(self, session: Session, user: User) -> str:
        return session.portal.start(user)

    def run(self, session: Session, user: User, prepared: Any) -> None:
        user.phone.fetch_sealed(prepared)


class Answer(Job):
    name, title = "answer", "Answer a challenge"

    def prepare(self, session: Session, user: User) -> tuple[str, str]:
        transaction_id = session.portal.start(user)
        return transaction_id, user.phone.approval(user.phone.fetch_sealed(transaction_id))

    def run(self, session: Session, user: User, prepared: Any) -> float | None:
        user.phone.send_answer(*prepared)
        return None


class Callback(Answer):
    name, title = "callback", "Answer a challenge until the portal has the callback"

    def run(self, session: Session, user: User, prepared: Any) -> float:
        super().run(session, user, prepared)
        return session.arrivals.wait("callback", prepared[0]).at


class Login(Job):
    name, title = "login", "Whole push login: start, push, fetch, approve, callback, result"

    def run(self, session: Session, user: User, prepared: Any) -> float:
        transaction_id = session.portal.start(user)
        session.arrivals.wait("push", transaction_id)
        sealed = user.phone.approval(user.phone.fetch_sealed(transaction_id))
        user.phone.send_answer(transaction_id, sealed)
        return session.arrivals.wait("callback", transaction_id).at
