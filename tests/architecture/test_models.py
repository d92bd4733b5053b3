"""Foreign keys refer to lower layers, and migrations are complete and named."""

from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

# Layers from the lowest to the highest. Apps of one line must not refer to each other.
LAYERS = [
    {"auth", "contenttypes"},
    {"outgoing"},
    {"outbox"},
    {"events"},
    {"system"},
    {"staff"},
    {"push", "sms", "otp", "callbacks", "geocontext"},
    {"applications"},
    {"enrollment"},
    {"transactions"},
    {"api"},
    {"ciba", "integrations"},
    {"configuration"},
    {"demo", "console"},
    {"config"},
]
LEVEL = {label: level for level, labels in enumerate(LAYERS) for label in labels}
OURS = [config for config in apps.get_app_configs() if config.name.startswith(("apps.", "config"))]
MIGRATIONS = sorted(Path(settings.BASE_DIR, "apps").glob("*/migrations/[0-9]*.py"))


def test_every_app_has_a_layer():
    assert {config.label for config in OURS} <= set(LEVEL)


@pytest.mark.parametrize("config", OURS, ids=lambda config: config.label)
def test_foreign_keys_refer_to_lower_layers(config):
    for model in config.get_models(include_auto_created=True):
        for field in model._meta.get_fields():
            if field.is_relation and not field.auto_created and field.related_model:
                target = field.related_model._meta.app_label
                allowed = target == config.label or LEVEL[target] < LEVEL[config.label]
                assert allowed, f"{model.__name__}.{field.name} points at {target}"


def test_no_migration_is_missing(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrations_have_names():
    assert MIGRATIONS
    assert not [path.name for path in MIGRATIONS if "_auto_" in path.name]
