"""Gateway that stores messages in memory, for tests."""

from apps.sms.gateways.base import Gateway, SmsMessage, SmsOutcome, SmsResult


class MemoryGateway(Gateway):
    sent_messages: list[tuple[SmsMessage, str]] = []

    def submit(self, message: SmsMessage, sender: str) -> SmsResult:
        self.sent_messages.append((message, sender))
        return SmsResult(SmsOutcome.ACCEPTED)
