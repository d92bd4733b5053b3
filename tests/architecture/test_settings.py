"""Used and documented environment variables are the same, and every queue has a worker."""

import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from config.celery import app
from config.worker import QUEUES

ROOT = Path(settings.BASE_DIR)
READ = re.compile(r'\benv(?:\.\w+)?\(\s*"([A-Z][A-Z0-9_]+)"|\brequired\(env,\s*"([A-Z][A-Z0-9_]+)"\)')
# Read by Django itself.
READ_BY_DJANGO = {"DJANGO_SETTINGS_MODULE"}
COMPOSE = ROOT / "docker-compose.yml"


def variables_read():
    text = "\n".join(path.read_text() for path in Path(ROOT, "config/settings").glob("*.py"))
    return {first or second for first, second in READ.findall(text)}


def variables_documented():
    """Return the names in the first column of the table of environment variables."""
    section = (ROOT / "docs/configuration.md").read_text().split("## Environment variables")[1].split("\n## ")[0]
    lines = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in lines for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)}


def test_settings_are_found():
    assert {"VAR_DIR", "DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "PORT"} <= variables_read()


def test_used_variables_are_documented():
    assert not variables_read() - variables_documented()


def test_documented_variables_are_used():
    assert not variables_documented() - variables_read() - READ_BY_DJANGO


def test_every_task_has_a_queue_of_the_worker():
    app.loader.import_default_modules()
    ours = [name for name in app.tasks if name.startswith(("apps.", "config."))]
    routed = {app.amqp.router.route({}, name)["queue"].name for name in ours}
    assert ours
    assert routed <= set(QUEUES)


def test_every_route_has_a_queue_of_the_worker():
    assert {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} <= set(QUEUES)


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_docker_compose_has_a_worker_for_every_queue():
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    commands = [str(service.get("command", "")) for service in services]
    workers = [command for command in commands if "manage.py worker" in command]
    listened = {queue for command in workers for queue in (re.findall(r"--queue[ =](\w+)", command) or QUEUES)}
    assert listened == set(QUEUES)
