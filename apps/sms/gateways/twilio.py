"""Twilio, by its own package on our one HTTP client (which brings time-outs, the proxy, and certainty about what left).

https://www.twilio.com/docs/messaging/api/message-resource and .../docs/api/errors for the table of senders.
"""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.rest import Client

from apps.common import http
from apps.common.retries import retry_after_seconds
from apps.sms.gateways.base import Gateway, Outcome, Result, SmsMessage
from apps.system import services as system

# "This sender cannot send there": another one may.
SENDER_REFUSED = {21212, 21603, 21606, 21611, 21612, 21657, 21659, 21660}
# Twilio takes 1 to 36,000 seconds and asks for more than 5.
VALIDITY_SECONDS = (6, 36_000)


class _Transport(HttpClient):
    """Carries the package's requests over our HTTP client and remembers the last Retry-After."""

    def __init__(self) -> None:
        super().__init__(logger=None, is_async=False)
        self.retry_after = ""

    def request(  # noqa: PLR0913, PLR0917 - the package's signature
        self,
        method: str,
        uri: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> TwilioResponse:
        url = f"{uri}?{urlencode(params, doseq=True)}" if params else uri
        body = urlencode(data or {}, doseq=True).encode()
        answer = http.send(
            http.Request(method, url, dict(headers or {}), body, credentials=auth, proxy=system.external_proxy())
        )
        self.retry_after = answer.headers.get("retry-after", "")
        return TwilioResponse(answer.status, answer.body.decode(errors="replace"), answer.headers)


class TwilioGateway(Gateway):
    def own_senders(self) -> list[str]:
        return [settings.SMS_GATEWAY_TWILIO_FROM_NUMBER]

    def submit(self, message: SmsMessage, sender: str) -> Result:
        transport = _Transport()
        client = Client(
            settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID, settings.SMS_GATEWAY_TWILIO_AUTH_TOKEN, http_client=transport
        )
        client.api.base_url = settings.SMS_GATEWAY_TWILIO_API_URL
        low, high = VALIDITY_SECONDS
        try:
            client.messages.create(
                to=message.phone_number,
                from_=sender,
                body=message.text,
                validity_period=min(max(message.seconds_to_live, low), high),
            )
        except TwilioRestException as error:
            return judge(error, retry_after_seconds(transport.retry_after))
        except (TwilioException, ValueError, TypeError, KeyError):
            # A success whose body is no message of Twilio's: something between us answered, and nobody knows what left.
            return Result(Outcome.UNKNOWN, "unreadable answer")
        return Result(Outcome.ACCEPTED)


def judge(error: TwilioRestException, retry_after: float | None) -> Result:
    """Say what a refusal means; Twilio's text may hold the number, so only its code is kept."""
    if error.status == 429 or error.status >= 500:
        outcome = Outcome.RETRY
    elif error.code in SENDER_REFUSED:
        outcome = Outcome.SENDER_REFUSED
    else:
        outcome = Outcome.REFUSED
    return Result(outcome, f"error {error.code}" if error.code else f"HTTP {error.status}", error.status, retry_after)
