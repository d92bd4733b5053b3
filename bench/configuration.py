"""Configuration of the bench: one portal, one application, and a type for push and one for SMS."""

import secrets
from base64 import b64encode
from typing import Any

from apps.demo import fcm
from bench import fakes

CLIENT_ID = "bench"
APPLICATION = "bench"
PUSH_TYPE = "login"
SMS_TYPE = "login-sms"
CONTACT = "mailto:bench@example.com"


def document(
    client_secret: str, account: dict[str, str], fakes_url: str, apple: dict[str, str], *, web_push: bool
) -> dict[str, Any]:
    """Return the content for `import_configuration`; pushes, SMS and callbacks are sent to the fakes."""
    google = {
        "name": "google",
        "platform": "android",
        "fcm_api_version": "http_v1",
        "service_account": account,
        "endpoint": fakes_url + fcm.send_path(account["project_id"]),
    }
    keys = {name: apple[name] for name in ("team_id", "key_id", "signing_key")}
    versions = [
        {"platform": "android", "version": "1.0.0", "push_messaging_configuration": "google"},
        {
            "platform": "ios",
            "version": "1.0.0",
            "push_messaging_configuration": "apple",
            "bundle_identifier": apple["topic"],
        },
    ]
    pushes = [google, {"name": "apple", "platform": "ios", **keys}]
    if web_push:
        key = b64encode(secrets.token_bytes(31)).decode().replace("+", "-").replace("/", "_").rstrip("=")
        pushes.append({"name": "browser", "platform": "web", "contact": CONTACT, "vapid_private_key": "A" + key})
        versions.append({"platform": "web", "version": "1.0.0", "push_messaging_configuration": "browser"})
    return {
        # The bench of the request context adds a location database.
        "features": {"geolocation": True},
        # The few users of the bench start more authentications than the default limits allow.
        "general": {
            "max_pending_transactions": 1000,
            "max_pushes_without_success": 1000,
            "sms_per_number_per_hour": 0,
            "sms_per_prefix_per_hour": 0,
            "sms_per_client_per_day": 0,
        },
        "api_clients": [
            {
                "name": "Bench",
                "client_id": CLIENT_ID,
                "client_secret": client_secret,
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": pushes,
        "applications": [{"identifier": APPLICATION, "name": "Bench", "versions": versions}],
        "mobile_authentication_types": [
            {"name": PUSH_TYPE, "method": "push", "default_messages": {"en": "Sign in?"}, "time_to_live": 3600},
            {"name": SMS_TYPE, "method": "sms", "default_messages": {"en": "Your code: {code}"}, "time_to_live": 3600},
        ],
        "callback_endpoints": [endpoint(fakes_url + fakes.CALLBACK_PATH)],
    }


def endpoint(url: str) -> dict[str, str]:
    """Return a callback endpoint with credentials and a signing secret."""
    signing_secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    return {"url": url, "username": "portal", "password": "password-of-the-portal", "signing_secret": signing_secret}
