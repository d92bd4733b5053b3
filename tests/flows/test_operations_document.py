"""The commands of docs/operations.md that rotate keys and secrets work without changes."""

import subprocess

import pytest

from tests.configuration.conftest import secrets_in_environment  # noqa: F401 - a fixture
from tests.flows import documents
from tests.flows.programs import ROOT
from tests.flows.stack import Stack

pytestmark = pytest.mark.processes

SECRETS = (
    *(
        "PORTAL_CLIENT_SECRET",
        "AGENT_CLIENT_SECRET",
        "KEYCLOAK_CLIENT_SECRET",
        "CALLBACK_SIGNING_SECRET",
        "CALLBACK_PASSWORD",
    ),
    "APNS_PROXY_PASSWORD",
)
FILES = ("FCM_SERVICE_ACCOUNT", "APNS_SIGNING_KEY", "VAPID_PRIVATE_KEY")


def test_rotation_commands_of_the_document_work(tmp_path, secrets_in_environment):  # noqa: F811 - a fixture
    stack = Stack(tmp_path, **{name: secrets_in_environment[name] for name in (*SECRETS, *FILES)})
    stack.command("migrate", "--no-input", "--verbosity", "0")
    stack.command("import_configuration", str(ROOT / "docs" / "example-configuration.yaml"))
    commands = documents.shell_blocks("docs/operations.md", "tests/flows/test_operations_document.py")
    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=stack.environment, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert process.returncode == 0, f"{process.stdout}\n{process.stderr}"
    lines = process.stdout.splitlines()
    assert (
        next(line for line in lines if line.startswith("callbacks_callbackendpoint.signing_secrets")).split()[1] == "1"
    )
    # The clients have not used their secrets yet.
    assert "  client secrets: 3. Each is migrated when its client uses it; remove or replace unused secrets." in lines
    assert lines.count("api_clients[portal]: changed client_secret") == 2
    assert lines.count("callback_endpoints[https://portal.example.com/callback]: changed signing_secret") == 2
    assert [line.split()[0] for line in lines[-2:]] == ["jose", "openpgp"]
