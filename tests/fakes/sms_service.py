"""Fake SMS service for the REST gateway. Run it with `python -m tests.fakes.sms_service --port 0`."""

import base64
import json

from tests.fakes import fake_server

PATH = "/messages"
USERNAME, PASSWORD = "countersign", "pass:word of the service"
MEMBERS = {"phone_number", "message", "verification_code"}


class SmsService(fake_server.FakeServer):
    """Fake of an SMS service: checks Basic credentials and JSON members. Keys are phone numbers."""

    def describe(self):
        return {
            "url": self.url,
            "environment": {
                "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY": "rest",
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_URL": self.url + PATH,
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_USERNAME": USERNAME,
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_PASSWORD": PASSWORD,
            },
        }

    def key(self, path, headers, body):
        return json.loads(body).get("phone_number", "")

    def rejection(self, path, headers, body):
        pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if headers.get("authorization") != f"Basic {pair}":
            return {"status": 401}
        members = set(json.loads(body)) - {"sender_id"}
        if path != PATH or headers.get("content-type") != "application/json" or members != MEMBERS:
            return {"status": 400}
        return None


if __name__ == "__main__":
    fake_server.run(SmsService)
