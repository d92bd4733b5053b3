"""Fake Twilio: message and account resources. Run it with `python -m tests.fakes.twilio --port 0`."""

import base64
import json
import secrets
from urllib.parse import parse_qs

from tests.fakes import fake_server

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "auth-token-that-only-twilio-knows"
FROM_NUMBER = "+15005550006"
ACCOUNT_PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}.json"
PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
MAX_BODY_CHARACTERS = 1600
JSON = {"Content-Type": "application/json"}


def error(code, status=400, text="The message cannot be sent.", **headers):
    """Return an error response of Twilio."""
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": text, "more_info": more_info, "status": status}
    return {"status": status, "headers": {**JSON, **headers}, "body": json.dumps(body)}


def created(form):
    """Return the response for an accepted message: a message resource."""
    resource = {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "body": form["Body"],
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "date_sent": None,
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form["From"],
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": "SM" + secrets.token_hex(16),
        "status": "queued",
        "subresource_uris": {"media": PATH},
        "to": form["To"],
        "uri": PATH,
    }
    return {"status": 201, "headers": JSON, "body": json.dumps(resource)}


def account():
    """Return the response for the account: an account resource."""
    resource = {
        "auth_token": AUTH_TOKEN,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "friendly_name": "Countersign",
        "owner_account_sid": ACCOUNT_SID,
        "sid": ACCOUNT_SID,
        "status": "active",
        "subresource_uris": {"messages": PATH},
        "type": "Full",
        "uri": ACCOUNT_PATH,
    }
    return {"status": 200, "headers": JSON, "body": json.dumps(resource)}


class Twilio(fake_server.FakeServer):
    """Fake of Twilio: checks path, Basic credentials and form fields.

    Keys are the receivers' phone numbers, and the path for requests for the account.
    """

    def describe(self):
        return {
            "url": self.url,
            "environment": {
                "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY": "twilio",
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_FROM_NUMBER": FROM_NUMBER,
                "TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_API_URL": self.url,
            },
        }

    def key(self, path, headers, body):
        return path if path == ACCOUNT_PATH else form(body.decode()).get("To", "")

    def rejection(self, path, headers, body):
        pair = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        if path not in (PATH, ACCOUNT_PATH):
            return error(20404, 404, f"The requested resource {path} was not found")
        if headers.get("authorization") != f"Basic {pair}":
            return error(20003, 401, "Authenticate")
        if path == ACCOUNT_PATH:
            return None
        if headers.get("content-type") != "application/x-www-form-urlencoded":
            return error(21602, text="Message body is required.")
        return form_error(form(body.decode()))

    def default_response(self, key, path, headers, body):
        return account() if path == ACCOUNT_PATH else created(form(body.decode()))


def form(text):
    """Return the fields of a form; a repeated field has the list of its values."""
    fields = parse_qs(text, keep_blank_values=True)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def form_error(fields):
    """Return Twilio's error response to invalid fields, or None."""
    if not fields.get("To"):
        return error(21604, text="A 'To' phone number is required.")
    if not fields.get("From"):
        return error(21603, text="A 'From' phone number is required.")
    if not fields.get("Body"):
        return error(21602, text="Message body is required.")
    if len(fields["Body"]) > MAX_BODY_CHARACTERS:
        return error(21617, text="The concatenated message body exceeds the 1600 character limit.")
    if not 1 <= int(fields.get("ValidityPeriod", "36000")) <= 36_000:
        return error(21631, text="ValidityPeriod is out of range.")
    return None


if __name__ == "__main__":
    fake_server.run(Twilio)
