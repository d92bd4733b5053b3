"""Database times of the console's lists with filters that match nothing, as JSON: `python -m bench.console_lists`.

Runs in the environment of the installation, with a console account of its own, and without the web server.
"""

import json
import statistics
import time
from typing import Any
from urllib.parse import urlencode

import django

django.setup()

from django.conf import settings  # noqa: E402 - models are ready only now
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

REPEATS = 5
PERIOD = {"created_at_to": "2000-01-01T00:00"}
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
LISTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "transactions": (
        "/admin/transactions/transaction/",
        [
            {"status": "cancelled"},
            {"type_name": "none"},
            {"user_id": "none"},
            {"q": "none"},
            PERIOD,
            {"status": "expired", "type_name": "none"},
            {"status": "authenticated", "type_name": "none"},
            {"reason": "invalid_request"},
            {"callback": "failed"},
            {"callback": "done", "reason": "invalid_request"},
        ],
    ),
    "activity": (
        "/admin/events/event/",
        [
            {"event_type": "API_DEVICES_LISTED"},
            {"client_id": "none"},
            {"user_id": "none"},
            {"transaction_id": UNKNOWN_ID},
            {"event_type": "PUSH_AUTH_INITIALIZED", "exclude_event_type": "PUSH_AUTH_INITIALIZED"},
        ],
    ),
    "callbacks": (
        "/admin/callbacks/callbackdelivery/",
        [{"state": "failed"}, {"url": "none"}, {"transaction_id": UNKNOWN_ID}, {"state": "done", "url": "none"}],
    ),
    "users": ("/admin/enrollment/profile/", [{"q": "none"}]),
}


def milliseconds(client: Client, path: str) -> float:
    """Return the time of the page's queries."""
    spent = 0.0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal spent
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            spent += time.perf_counter() - began

    with connection.execute_wrapper(count):
        response = client.get(path, secure=True)
    if response.status_code != 200 or (response.context_data or {})["cl"].result_list:
        raise RuntimeError(f"{path}: {response.status_code}, or rows match")
    return spent * 1000


def main() -> None:
    settings.ALLOWED_HOSTS = ["*"]
    account, _created = User.objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True, "is_active": True}
    )
    client = Client()
    client.force_login(account)
    result = {}
    for name, (path, filters) in LISTS.items():
        for values in filters:
            label = f"{name}: {', '.join(f'{key}={value}' for key, value in values.items())}"[:55]
            url = f"{path}?{urlencode(values)}"
            milliseconds(client, url)
            result[label] = statistics.median(milliseconds(client, url) for _repeat in range(REPEATS))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
