"""Looking for secrets wherever the server leaves something behind."""

import base64

from django.db import connection

from apps.events.models import Event
from apps.outbox import claims


def deliver_all(queue, deliver):
    """Do what a worker does with everything that is due."""
    list(deliver(claims.claim(queue, list(queue.objects.values_list("pk", flat=True)))))


def stored_text():
    """Return every column of every row of every table."""
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            parts += [repr(value) for line in cursor.fetchall() for value in line]
    return "\n".join(parts)


def forms(secret):
    """A secret as it is, and as it might hide: in base64, and as a part of a Basic header."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    # What is left of a short one would be found anywhere.
    return [secret, encoded[4:-4]] if len(encoded) > 16 else [secret]


def all_places(output):
    """Return the texts of the database, of the log (as captured) and of the events."""
    return {"database": stored_text(), "log": output, "events": repr(list(Event.objects.values()))}


def assert_hidden(secrets, places):
    """Fail when one of the secrets, by name, can be read in one of the places."""
    for place, text in places.items():
        found = [name for name, secret in secrets.items() if any(form in text for form in forms(secret))]
        assert not found, f"{found} can be read in the {place}"
