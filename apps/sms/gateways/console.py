"""Gateway that prints messages instead of sending them, for development."""

import sys

from apps.sms.gateways.base import Gateway, SmsMessage, SmsOutcome, SmsResult


class ConsoleGateway(Gateway):
    def submit(self, message: SmsMessage, sender: str) -> SmsResult:
        sys.stdout.write(f"SMS from {sender or 'the server'} to {message.phone_number}: {message.text}\n")
        sys.stdout.flush()
        return SmsResult(SmsOutcome.ACCEPTED)
