"""Keeps messages in memory, for tests."""

from apps.sms.gateways.base import Gateway, Outcome, Result, SmsMessage


class MemoryGateway(Gateway):
    sent: list[tuple[SmsMessage, str]] = []

    def submit(self, message: SmsMessage, sender: str) -> Result:
        self.sent.append((message, sender))
        return Result(Outcome.ACCEPTED)
