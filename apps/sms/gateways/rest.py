"""An own HTTP service: `POST` JSON, 204 means sent."""

import json
from base64 import b64encode

from django.conf import settings

from apps.outbox.retries import parse_retry_after
from apps.outgoing import http
from apps.sms.gateways.base import Gateway, Outcome, Result, SmsMessage
from apps.system import services as system


class RestGateway(Gateway):
    def submit(self, message: SmsMessage, sender: str) -> Result:
        body = {"phone_number": message.phone_number, "message": message.text, "verification_code": message.code}
        if sender:
            body["sender_id"] = sender
        answer = http.send(
            http.Request(
                "POST",
                settings.SMS_GATEWAY_REST_URL,
                {"Content-Type": "application/json", **self._authorization()},
                json.dumps(body).encode(),
                proxy=system.external_proxy(),
                never_retry=True,
            )
        )
        return judge(answer)

    def probe(self) -> Result:
        """Connect and say nothing: the service takes messages only."""
        http.check_connectivity(http.Request("POST", settings.SMS_GATEWAY_REST_URL, proxy=system.external_proxy()))
        return Result(Outcome.ACCEPTED)

    @staticmethod
    def _authorization() -> dict[str, str]:
        if not settings.SMS_GATEWAY_REST_USERNAME:
            return {}
        pair = f"{settings.SMS_GATEWAY_REST_USERNAME}:{settings.SMS_GATEWAY_REST_PASSWORD}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def judge(answer: http.Response) -> Result:
    if answer.status == 204:
        return Result(Outcome.ACCEPTED, status=204)
    retry = answer.status == 429 or answer.status >= 500
    return Result(
        Outcome.RETRY if retry else Outcome.REFUSED,
        f"HTTP {answer.status}",
        answer.status,
        parse_retry_after(answer.headers.get("retry-after", "")),
    )
