"""Google, for tests: the token endpoint and FCM's HTTP v1, over real HTTP. `python -m tests.fakes.fcm --port 0`."""

import json
from urllib.parse import parse_qsl

from apps.demo.fcm import TOKEN_PATH, FcmStandIn, send_path, service_account
from tests.fakes import stand_in

UNREGISTERED = {
    "status": 404,
    "body": json.dumps({"error": {"status": "NOT_FOUND", "details": [{"errorCode": "UNREGISTERED"}]}}),
}
UNAVAILABLE = {"status": 503, "body": json.dumps({"error": {"status": "UNAVAILABLE"}})}
UNAUTHENTICATED = {"status": 401, "body": json.dumps({"error": {"status": "UNAUTHENTICATED"}})}
INVALID_GRANT = {"status": 400, "body": json.dumps({"error": "invalid_grant", "error_description": "Invalid grant."})}
HTML = {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>Welcome to our hotel</html>"}


class Fcm(stand_in.StandIn):
    """Stands in for Google: checks the signed assertion and the access token as Google does.

    Keys are push tokens, and TOKEN_PATH for the token endpoint. A script for a push token counts only for requests with
    a good access token: others are refused as Google refuses them.
    """

    def __init__(self, port=0):
        super().__init__(port)
        self.fcm = FcmStandIn(service_account(self.url))

    def describe(self):
        account = self.fcm.account
        return {"url": self.url, "endpoint": self.url + send_path(account["project_id"]), "service_account": account}

    def key(self, path, headers, body):
        return path if path == TOKEN_PATH else json.loads(body)["message"]["token"]

    def refusal(self, path, headers, body):
        if path != TOKEN_PATH and self.fcm.send(headers.get("authorization", ""), {})[0] == 401:
            return UNAUTHENTICATED
        return None

    def answer(self, key, path, headers, body):
        if path == TOKEN_PATH:
            status, content, extra = self.fcm.token(dict(parse_qsl(body.decode())))
        else:
            status, content, extra = self.fcm.send(headers.get("authorization", ""), json.loads(body))
        return {"status": status, "body": json.dumps(content), "headers": {"Content-Type": "application/json", **extra}}

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
