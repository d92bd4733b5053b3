"""Gateway for Twilio: its package on the common HTTP client, which adds timeouts, the proxy and reliable outcomes.

The error codes follow https://www.twilio.com/docs/messaging/api/message-resource and .../docs/api/errors.
"""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.rest import Client

from apps.common import untrusted_json
from apps.outbox.retries import parse_retry_after
from apps.outgoing import http
from apps.sms.gateways.base import Gateway, SmsMessage, SmsOutcome, SmsResult
from apps.system import services as system

# Errors that concern the sender: the message is submitted with the next sender.
SENDER_ERROR_CODES = {21212, 21603, 21606, 21611, 21612, 21657, 21659, 21660}
# Twilio accepts 1 to 36,000 seconds and recommends more than 5.
VALIDITY_SECONDS = (6, 36_000)
# Exceptions of the package for errors and for responses of other servers.
RESPONSE_ERRORS = (TwilioException, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class _Transport(HttpClient):
    """Transport of the package that uses the common HTTP client and stores the last response."""

    def __init__(self) -> None:
        super().__init__(logger=None, is_async=False)
        self.response: http.Response | None = None

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
        proxy = system.external_proxy()
        self.response = response = http.send(
            http.Request(method, url, dict(headers or {}), body, credentials=auth, proxy=proxy, never_retry=True)
        )
        return TwilioResponse(response.status, response.body.decode(errors="replace"), response.headers)


class TwilioGateway(Gateway):
    def default_senders(self) -> list[str]:
        return [settings.SMS_GATEWAY_TWILIO_FROM_NUMBER] if settings.SMS_GATEWAY_TWILIO_FROM_NUMBER else []

    def submit(self, message: SmsMessage, sender: str) -> SmsResult:
        if not (settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID and settings.SMS_GATEWAY_TWILIO_AUTH_TOKEN):
            return SmsResult(SmsOutcome.REFUSED, "the credentials are not set")
        transport = _Transport()
        try:
            is_recognized = bool(_create_message(transport, message, sender))
        except RESPONSE_ERRORS:
            is_recognized = False
        return parse_response(transport.response, is_recognized=is_recognized)

    def probe(self) -> SmsResult:
        """Request the account, which is free of charge and sends no message."""
        transport, account = _Transport(), settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID
        try:
            is_recognized = _build_client(transport).api.accounts(account).fetch().sid == account
        except RESPONSE_ERRORS:
            is_recognized = False
        result = parse_response(transport.response, is_recognized=is_recognized)
        is_unrecognized = result.outcome == SmsOutcome.UNKNOWN
        return (
            replace(result, outcome=SmsOutcome.REFUSED, reason="not a response of Twilio")
            if is_unrecognized
            else result
        )


def _build_client(transport: _Transport) -> Client:
    client = Client(
        settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID, settings.SMS_GATEWAY_TWILIO_AUTH_TOKEN, http_client=transport
    )
    client.api.base_url = settings.SMS_GATEWAY_TWILIO_API_URL
    return client


def _create_message(transport: _Transport, message: SmsMessage, sender: str) -> str | None:
    """Create a message at Twilio and return its identifier."""
    client = _build_client(transport)
    low, high = VALIDITY_SECONDS
    created = client.messages.create(
        to=message.phone_number,
        from_=sender,
        body=message.text,
        validity_period=min(max(message.ttl_seconds, low), high),
    )
    sid: str | None = created.sid
    return sid


def parse_response(response: http.Response | None, *, is_recognized: bool) -> SmsResult:
    """Return the result of a response. `is_recognized` tells whether Twilio's package could parse it.

    The reason of an error contains only its code: Twilio's text can contain the phone number.
    """
    if response is None:
        return SmsResult(SmsOutcome.REFUSED, "Twilio's package could not send the request")
    status = response.status
    if 200 <= status < 300:
        # A success status without a message comes from another server: the message may have been sent.
        return (
            SmsResult(SmsOutcome.ACCEPTED, "", status)
            if is_recognized
            else SmsResult(SmsOutcome.UNKNOWN, "unreadable response", status)
        )
    code = _error_code(response.body)
    if status == 429 or status >= 500:
        outcome = SmsOutcome.RETRY
    else:
        outcome = SmsOutcome.SENDER_REFUSED if code in SENDER_ERROR_CODES else SmsOutcome.REFUSED
    reason = f"error {code}" if code else f"HTTP {status}"
    return SmsResult(outcome, reason, status, parse_retry_after(response.headers.get("retry-after", "")))


def _error_code(body: bytes) -> int | None:
    try:
        code = untrusted_json.loads(body)["code"]
    except (ValueError, TypeError, KeyError):
        return None
    return code if isinstance(code, int) else None
