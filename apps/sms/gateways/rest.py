"""Gateway for a custom HTTP service: `POST` with JSON; status 204 means accepted."""

import json
from base64 import b64encode

from django.conf import settings

from apps.outbox.retries import parse_retry_after
from apps.outgoing import http
from apps.sms.gateways.base import Gateway, SmsMessage, SmsOutcome, SmsResult
from apps.system import services as system


class RestGateway(Gateway):
    def submit(self, message: SmsMessage, sender: str) -> SmsResult:
        body = {"phone_number": message.phone_number, "message": message.text, "verification_code": message.code}
        if sender:
            body["sender_id"] = sender
        response = http.send(
            http.Request(
                "POST",
                settings.SMS_GATEWAY_REST_URL,
                {"Content-Type": "application/json", **self._authorization()},
                json.dumps(body).encode(),
                proxy=system.external_proxy(),
                never_retry=True,
            )
        )
        return parse_response(response)

    def probe(self) -> SmsResult:
        """Check the connection only: the service has no other endpoint than that for messages."""
        http.check_connectivity(http.Request("POST", settings.SMS_GATEWAY_REST_URL, proxy=system.external_proxy()))
        return SmsResult(SmsOutcome.ACCEPTED)

    @staticmethod
    def _authorization() -> dict[str, str]:
        if not settings.SMS_GATEWAY_REST_USERNAME:
            return {}
        pair = f"{settings.SMS_GATEWAY_REST_USERNAME}:{settings.SMS_GATEWAY_REST_PASSWORD}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def parse_response(response: http.Response) -> SmsResult:
    if response.status == 204:
        return SmsResult(SmsOutcome.ACCEPTED, status=204)
    retry = response.status == 429 or response.status >= 500
    return SmsResult(
        SmsOutcome.RETRY if retry else SmsOutcome.REFUSED,
        f"HTTP {response.status}",
        response.status,
        parse_retry_after(response.headers.get("retry-after", "")),
    )
