"""Migrations keep the code of the previous release working: docs/deployment/upgrades.md."""

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.models.fields import NOT_PROVIDED

OURS = "apps."
FORBIDDEN = (migrations.RenameField, migrations.RenameModel, migrations.AlterModelTable, migrations.RunPython)


def later_migrations():
    """Return the migrations after the first one of each app."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [
        migration
        for (_label, name), migration in sorted(loader.disk_migrations.items())
        if type(migration).__module__.startswith(OURS) and not name.startswith("0001_")
    ]


@pytest.mark.parametrize("migration", later_migrations(), ids=str)
def test_new_columns_are_nullable_or_have_a_database_default(migration):
    added = [operation for operation in migration.operations if isinstance(operation, migrations.AddField)]
    without_default = [
        operation.name
        for operation in added
        if not isinstance(operation.field, models.ManyToManyField)
        and not operation.field.null
        and operation.field.db_default is NOT_PROVIDED
    ]
    # Otherwise, the previous release cannot insert rows after the migration.
    assert not without_default


@pytest.mark.parametrize("migration", later_migrations(), ids=str)
def test_columns_are_not_renamed_and_data_is_not_migrated(migration):
    assert not [operation for operation in migration.operations if isinstance(operation, FORBIDDEN)]
