"""Prints messages instead of sending them, for development."""

import sys

from apps.sms.gateways.base import Gateway, Outcome, Result, SmsMessage


class ConsoleGateway(Gateway):
    def submit(self, message: SmsMessage, sender: str) -> Result:
        sys.stdout.write(f"SMS from {sender or 'the server'} to {message.phone_number}: {message.text}\n")
        sys.stdout.flush()
        return Result(Outcome.ACCEPTED)
