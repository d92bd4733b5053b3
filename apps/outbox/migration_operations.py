"""Operations for the migrations of queues."""

from typing import Any

from django.db import migrations

# With full pages, half of the claims of a burst are not HOT. A row has about two dead versions at a time.
FILL_FACTOR = 60


def leave_space_for_updates(*tables: str) -> migrations.RunPython:
    """Return an operation that leaves space in the pages of these tables on PostgreSQL, so that claims are HOT."""

    def run(_apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            for table in tables:
                editor.execute(f'ALTER TABLE "{table}" SET (fillfactor = {FILL_FACTOR})')

    return migrations.RunPython(run, migrations.RunPython.noop)
