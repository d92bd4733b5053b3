"""Google, for tests: token endpoint, FCM's HTTP v1 and its legacy API, over real HTTP.

`python -m tests.fakes.fcm --port 0`
"""

import json
from urllib.parse import parse_qsl

from apps.demo.fcm import TOKEN_PATH, FcmStandIn, send_path, service_account
from tests.fakes import stand_in

LEGACY_PATH = "/fcm/send"
SERVER_KEY = "AAAAserver-key:that-only-google-knows"
JSON = {"Content-Type": "application/json"}


def error(status, name, code="", headers=None):
    """Return an answer in the shape of HTTP v1's errors."""
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    content = {"error": {"code": status, "status": name, "message": name, "details": details}}
    return {"status": status, "headers": {**JSON, **(headers or {})}, "body": json.dumps(content)}


def legacy_answer(*, failed, **result):
    """Return the legacy API's answer for one push token. It says 200 also when the push failed."""
    content = {"multicast_id": 1, "success": int(not failed), "failure": int(failed), "canonical_ids": 0}
    return {"status": 200, "headers": JSON, "body": json.dumps({**content, "results": [result]})}


UNREGISTERED = {
    "status": 404,
    "body": json.dumps({"error": {"status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}}),
}
UNAVAILABLE = {"status": 503, "body": json.dumps({"error": {"status": "UNAVAILABLE"}})}
UNAUTHENTICATED = {"status": 401, "body": json.dumps({"error": {"status": "UNAUTHENTICATED"}})}
# How Google answers for what never was a push token.
INVALID_ARGUMENT = error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
SENDER_ID_MISMATCH = error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
PERMISSION_DENIED = error(403, "PERMISSION_DENIED")
QUOTA_EXCEEDED = error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {"Retry-After": "3"})
INTERNAL = error(500, "INTERNAL", "INTERNAL")
THIRD_PARTY_AUTH_ERROR = error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
INVALID_GRANT = {"status": 400, "body": json.dumps({"error": "invalid_grant", "error_description": "Invalid grant."})}
HTML = {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>Welcome to our hotel</html>"}

LEGACY_ACCEPTED = legacy_answer(failed=False, message_id="0:1")
LEGACY_NOT_REGISTERED = legacy_answer(failed=True, error="NotRegistered")
LEGACY_INVALID_REGISTRATION = legacy_answer(failed=True, error="InvalidRegistration")
LEGACY_MISMATCH_SENDER_ID = legacy_answer(failed=True, error="MismatchSenderId")
LEGACY_UNAVAILABLE = legacy_answer(failed=True, error="Unavailable")
LEGACY_INTERNAL_SERVER_ERROR = legacy_answer(failed=True, error="InternalServerError")
LEGACY_DEVICE_MESSAGE_RATE_EXCEEDED = legacy_answer(failed=True, error="DeviceMessageRateExceeded")
LEGACY_UNAUTHORIZED = {
    "status": 401,
    "headers": {"Content-Type": "text/html; charset=UTF-8"},
    "body": "<HTML><HEAD><TITLE>Unauthorized</TITLE></HEAD><BODY><H1>Unauthorized</H1><H2>Error 401</H2></BODY></HTML>",
}


class Fcm(stand_in.StandIn):
    """Stands in for Google: checks the signed assertion, the access token and the server key as Google does.

    Keys are push tokens, and TOKEN_PATH for the token endpoint. A script for a push token counts only for requests with
    a good access token or server key: others are refused as Google refuses them.
    """

    def __init__(self, port=0):
        super().__init__(port)
        self.fcm = FcmStandIn(service_account(self.url))

    def describe(self):
        account = self.fcm.account
        return {
            "url": self.url,
            "endpoint": self.url + send_path(account["project_id"]),
            "service_account": account,
            "legacy_endpoint": self.url + LEGACY_PATH,
            "server_key": SERVER_KEY,
        }

    def key(self, path, headers, body):
        if path == TOKEN_PATH:
            return path
        content = json.loads(body)
        return content["to"] if path == LEGACY_PATH else content["message"]["token"]

    def refusal(self, path, headers, body):
        authorization = headers.get("authorization", "")
        if path == LEGACY_PATH:
            return None if authorization == f"key={SERVER_KEY}" else LEGACY_UNAUTHORIZED
        if path != TOKEN_PATH and self.fcm.send(authorization, {})[0] == 401:
            return UNAUTHENTICATED
        return None

    def answer(self, key, path, headers, body):
        if path == LEGACY_PATH:
            return LEGACY_ACCEPTED
        if path == TOKEN_PATH:
            status, content, extra = self.fcm.token(dict(parse_qsl(body.decode())))
        else:
            status, content, extra = self.fcm.send(headers.get("authorization", ""), json.loads(body))
            if json.loads(body).get("validate_only") and status == 200:
                content = {"name": f"projects/{self.fcm.account['project_id']}/messages/fake_message_id"}
        return {"status": status, "body": json.dumps(content), "headers": {**JSON, **extra}}

    def obey(self, order):
        if order["do"] == "revoke":
            self.fcm.access_tokens.clear()
            return None
        return super().obey(order)


class FcmControl(stand_in.Control):
    def revoke(self):
        """Make every access token that was given out worthless."""
        self.order("revoke")

    def exchanges(self):
        """Return the requests for an access token."""
        return self.received(TOKEN_PATH)


if __name__ == "__main__":
    stand_in.run(Fcm)
