"""Fake of Google over HTTP: token endpoint, FCM's HTTP v1 API and its legacy API.

Run it with `python -m tests.fakes.fcm --port 0`.
"""

import json
from urllib.parse import parse_qsl

from apps.demo.fcm import TOKEN_PATH, FakeFcm, send_path, service_account
from tests.fakes import fake_server

LEGACY_PATH = "/fcm/send"
SERVER_KEY = "AAAAserver-key:that-only-google-knows"
JSON = {"Content-Type": "application/json"}


def error(status, name, code="", headers=None):
    """Return an error response of HTTP v1."""
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    content = {"error": {"code": status, "status": name, "message": name, "details": details}}
    return {"status": status, "headers": {**JSON, **(headers or {})}, "body": json.dumps(content)}


def legacy_response(*, failed, **result):
    """Return the legacy API's response for one push token. Its status is 200 even if the push failed."""
    content = {"multicast_id": 1, "success": int(not failed), "failure": int(failed), "canonical_ids": 0}
    return {"status": 200, "headers": JSON, "body": json.dumps({**content, "results": [result]})}


UNREGISTERED = {
    "status": 404,
    "body": json.dumps({"error": {"status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}}),
}
UNAVAILABLE = {"status": 503, "body": json.dumps({"error": {"status": "UNAVAILABLE"}})}
UNAUTHENTICATED = {"status": 401, "body": json.dumps({"error": {"status": "UNAUTHENTICATED"}})}
# Google's response for a string that never was a push token.
INVALID_ARGUMENT = error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
SENDER_ID_MISMATCH = error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
PERMISSION_DENIED = error(403, "PERMISSION_DENIED")
QUOTA_EXCEEDED = error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {"Retry-After": "3"})
INTERNAL = error(500, "INTERNAL", "INTERNAL")
THIRD_PARTY_AUTH_ERROR = error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
INVALID_GRANT = {"status": 400, "body": json.dumps({"error": "invalid_grant", "error_description": "Invalid grant."})}
HTML = {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>Welcome to our hotel</html>"}

LEGACY_ACCEPTED = legacy_response(failed=False, message_id="0:1")
LEGACY_NOT_REGISTERED = legacy_response(failed=True, error="NotRegistered")
LEGACY_INVALID_REGISTRATION = legacy_response(failed=True, error="InvalidRegistration")
LEGACY_MISMATCH_SENDER_ID = legacy_response(failed=True, error="MismatchSenderId")
LEGACY_UNAVAILABLE = legacy_response(failed=True, error="Unavailable")
LEGACY_INTERNAL_SERVER_ERROR = legacy_response(failed=True, error="InternalServerError")
LEGACY_DEVICE_MESSAGE_RATE_EXCEEDED = legacy_response(failed=True, error="DeviceMessageRateExceeded")
LEGACY_UNAUTHORIZED = {
    "status": 401,
    "headers": {"Content-Type": "text/html; charset=UTF-8"},
    "body": "<HTML><HEAD><TITLE>Unauthorized</TITLE></HEAD><BODY><H1>Unauthorized</H1><H2>Error 401</H2></BODY></HTML>",
}


class Fcm(fake_server.FakeServer):
    """Fake of Google: checks the signed assertion, the access token and the server key.

    Keys are push tokens, and TOKEN_PATH for the token endpoint. Only requests with a valid access token or server key
    use the script; others are rejected as Google rejects them.
    """

    def __init__(self, port=0):
        super().__init__(port)
        self.fcm = FakeFcm(service_account(self.url))

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

    def rejection(self, path, headers, body):
        authorization = headers.get("authorization", "")
        if path == LEGACY_PATH:
            return None if authorization == f"key={SERVER_KEY}" else LEGACY_UNAUTHORIZED
        if path != TOKEN_PATH and self.fcm.send(authorization, {})[0] == 401:
            return UNAUTHENTICATED
        return None

    def default_response(self, key, path, headers, body):
        if path == LEGACY_PATH:
            return LEGACY_ACCEPTED
        if path == TOKEN_PATH:
            status, content, extra = self.fcm.exchange_token(dict(parse_qsl(body.decode())))
        else:
            status, content, extra = self.fcm.send(headers.get("authorization", ""), json.loads(body))
            if json.loads(body).get("validate_only") and status == 200:
                content = {"name": f"projects/{self.fcm.account['project_id']}/messages/fake_message_id"}
        return {"status": status, "body": json.dumps(content), "headers": {**JSON, **extra}}

    def execute(self, command):
        if command["command"] == "revoke":
            self.fcm.access_tokens.clear()
            return None
        return super().execute(command)


class FcmControl(fake_server.Control):
    def revoke(self):
        """Revoke all access tokens issued so far."""
        self.execute("revoke")

    def token_requests(self):
        """Return the requests for access tokens."""
        return self.received(TOKEN_PATH)


if __name__ == "__main__":
    fake_server.run(Fcm)
