"""Jobs of a portal: start a push, get a result, start an SMS, verify a code."""

from typing import Any

from bench.clients import User, enroll_user, new_phone_number
from bench.jobs.base import Job, Session


class StartPush(Job):
    name, title = "e3-push", "Start a push login (E3)"

    def run(self, session: Session, user: User, prepared: Any) -> None:
        session.portal.start(user)


class DeliverPush(Job):
    name, title = "push-delivered", "Start a push login until the push provider has the push"

    def run(self, session: Session, user: User, prepared: Any) -> float:
        return session.arrivals.wait("push", session.portal.start(user)).at


class DeliverWebPush(Job):
    """Job with a browser for each user."""

    name, title = "web-push", "Start a push login in a browser until the push service has the push"

    def prepare(self, session: Session, user: User) -> User:
        name = f"browser-{user.user_id}"
        if name not in session.cache:
            session.cache[name] = enroll_user(session.installation, session.portal, name, "web")
        browser: User = session.cache[name]
        return browser

    def run(self, session: Session, user: User, prepared: Any) -> float:
        return session.arrivals.wait("push", session.portal.start(prepared)).at


class GetResult(Job):
    name, title = "e4", "Get the result of a pending transaction for the first time (E4)"

    def prepare(self, session: Session, user: User) -> str:
        return session.portal.start(user)

    def run(self, session: Session, user: User, prepared: Any) -> None:
        session.portal.result(prepared)


class GetResultAgain(GetResult):
    name, title = "e4-again", "Get the result of a pending transaction again (E4), as a portal that polls"

    def prepare(self, session: Session, user: User) -> str:
        transaction_id = super().prepare(session, user)
        self.run(session, user, transaction_id)
        return transaction_id


class DeliverSms(Job):
    name, title = "e3-sms", "Start an SMS login until the gateway has the SMS"

    def run(self, session: Session, user: User, prepared: Any) -> float:
        phone_number = new_phone_number()
        session.portal.start_sms(user, phone_number)
        return session.arrivals.wait("sms", phone_number).at


class VerifyCode(Job):
    name, title = "e5", "Verify the code of an SMS (E5)"

    def prepare(self, session: Session, user: User) -> tuple[str, str]:
        phone_number = new_phone_number()
        transaction_id = session.portal.start_sms(user, phone_number)
        return transaction_id, session.arrivals.wait("sms", phone_number).code

    def run(self, session: Session, user: User, prepared: Any) -> None:
        session.portal.verify(user, *prepared)
