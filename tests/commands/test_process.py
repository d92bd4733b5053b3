"""Commands as processes: exit codes, streams, and errors without a traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
COMMANDS = [
    "create_api_client",
    "enrollment_code",
    "expire_transactions",
    "export_configuration",
    "import_configuration",
    "list_transactions",
    "redeliver_callbacks",
    "send_test_sms",
    "show_transaction",
]


@pytest.fixture
def manage(tmp_path):
    """Return a function that runs manage.py on a new installation with an empty database."""

    def run(*arguments, **options):
        environment = {**os.environ, "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings.local"}
        environment.pop("DATABASE_URL", None)
        environment.pop("BROKER_URL", None)
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False, **options
        )

    return run


def test_invalid_argument_is_one_line_and_exit_code_1(manage):
    completed = manage("import_configuration")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr == "manage.py import_configuration: the following arguments are required: FILE\n"


def test_a_port_in_use_is_one_line(manage, monkeypatch):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        completed = manage("serve", "--host", "127.0.0.1")
    assert completed.returncode == 1
    assert completed.stderr == f"CommandError: Port {port} of 127.0.0.1 cannot be used: Address already in use.\n"


def test_database_without_tables_is_one_line_and_exit_code_1(manage):
    completed = manage("import_configuration", "-", input="features: {mobile_authentication: true}\n")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr == "CommandError: The tables of the database are missing or outdated. Run the migrations.\n"


def test_import_into_a_migrated_database_prints_only_changes(manage):
    assert manage("migrate", "--verbosity", "0").returncode == 0
    completed = manage("import_configuration", "-", input="features: 5\ngeneral: 6\n")
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr == "features: Must be a mapping.\ngeneral: Must be a mapping.\n"
    completed = manage("import_configuration", "-", input="features: {mobile_authentication: false}\n")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout == "features: changed mobile_authentication true → false\n"
    exported = manage("export_configuration")
    assert (exported.returncode, exported.stderr) == (0, "")
    assert exported.stdout.startswith("features:\n  mobile_authentication: false\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(capsys, name):
    from django.core.management import get_commands, load_command_class

    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--help"])
    assert ended.value.code == 0
    assert f"usage: manage.py {name}" in capsys.readouterr().out
