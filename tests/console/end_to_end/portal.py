"""Portal that uses only the values shown by the console."""

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass
class Portal:
    """Portal with the credentials shown by the console, and an optional callback URL."""

    server: str
    client_id: str
    client_secret: str
    callback_uri: str = ""

    def call(self, path, fields=None):
        """Call the REST API and return status and body."""
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        request = urllib.request.Request(self.server + path, headers={"Authorization": f"Basic {pair}"})
        if fields is not None:
            request.data = urlencode(fields).encode()
            request.add_header("Content-Type", "application/x-www-form-urlencoded")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def start(self, mobile_type, **fields):
        """Call E3 and return the response body."""
        callback = {"callback_uri": self.callback_uri} if self.callback_uri else {}
        status, body = self.call("/oauth/api/v4/authenticate/user", {"type": mobile_type, **callback, **fields})
        assert status == 200, body
        return body

    def verify(self, user_id, transaction_id, code):
        """Call E5 and return status and body."""
        path = f"/oauth/api/v4/authenticate/user/{quote(user_id)}/sms"
        return self.call(path, {"transaction_id": transaction_id, "sms_code": code})

    def result(self, transaction_id):
        """Call E4 and return the response body."""
        status, body = self.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")
        assert status == 200, body
        return body
