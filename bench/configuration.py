"""Configuration of the bench: one portal, one application and one authentication type."""

from typing import Any

from apps.demo import fcm
from bench import fakes

CLIENT_ID = "bench"
APPLICATION = "bench"
TYPE = "login"


def document(client_secret: str, account: dict[str, str], fakes_url: str, apple: dict[str, str]) -> dict[str, Any]:
    """Return the content for `import_configuration`; pushes and callbacks are sent to the fakes."""
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
        {"platform": "android", "version": "android", "push_messaging_configuration": "google"},
        {
            "platform": "ios",
            "version": "ios",
            "push_messaging_configuration": "apple",
            "bundle_identifier": apple["topic"],
        },
    ]
    return {
        # The few users of the bench start more authentications than the default limits allow.
        "general": {"max_pending_transactions": 1000, "max_pushes_without_success": 1000},
        "api_clients": [
            {
                "name": "Bench",
                "client_id": CLIENT_ID,
                "client_secret": client_secret,
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": [google, {"name": "apple", "platform": "ios", **keys}],
        "applications": [{"identifier": APPLICATION, "name": "Bench", "versions": versions}],
        "mobile_authentication_types": [{"name": TYPE, "method": "push", "default_messages": {"en": "Sign in?"}}],
        "callback_endpoints": [
            {"url": fakes_url + fakes.CALLBACK_PATH, "username": "portal", "password": client_secret}
        ],
    }
