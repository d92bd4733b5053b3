"""Search for secrets in the database, the log and the events."""

import base64

from django.db import connection

from apps.events.models import Event
from apps.outbox import claims


def deliver_all(queue, deliver):
    """Deliver all due rows of a queue, as a worker does."""
    list(deliver(claims.claim(queue, list(queue.objects.values_list("pk", flat=True)))))


def stored_text():
    """Return all values of all tables."""
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            parts += [repr(value) for line in cursor.fetchall() for value in line]
    return "\n".join(parts)


def forms(secret):
    """Return a secret as plain text and in base64, as in a header for HTTP Basic."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    # The middle part of a short secret would be found by chance.
    return [secret, encoded[4:-4]] if len(encoded) > 16 else [secret]


def all_places(output):
    """Return the contents of the database, of the events, and of the captured log."""
    return {"database": stored_text(), "log": output, "events": repr(list(Event.objects.values()))}


def assert_hidden(secrets, places):
    """Fail if one of the named secrets is readable in one of the places."""
    for place, text in places.items():
        readable = [name for name, secret in secrets.items() if any(form in text for form in forms(secret))]
        assert not readable, f"{readable} can be read in the {place}"
