"""The example of clients/python works unchanged, with only that directory on the path."""

import json
import re
import subprocess
import sys

import pytest

from tests.demo.running import ROOT, Run, environment

pytestmark = pytest.mark.processes

CLIENT = ROOT / "clients" / "python"
MARK = "<!-- executed by tests/clients/test_readme.py -->"


def example():
    [found] = re.findall(rf"{re.escape(MARK)}\n```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    return found


def test_example_has_twenty_lines():
    assert len([line for line in example().splitlines() if line.strip()]) <= 20


def test_example_enrols_and_approves_with_a_pin(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        assert phone(run, tmp_path) == ["Sign in? ", "authenticated"]
    finally:
        run.kill()


def phone(run, directory):
    """Run the example and start an authentication. Return the output after the device id."""
    code = json.loads(run.command("enrollment_code", "eva", "demo", "--json"))["enrollment_code"]
    client = json.loads(
        run.command("create_api_client", "--name", "Portal", "--api", "mobile_authentication", "--json")
    )
    with subprocess.Popen(
        [sys.executable, "-c", example(), run.base, code, "other-phone-of-eva"],
        env={**environment(run.var_dir, run.port), "PYTHONPATH": str(CLIENT)},
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        device_id = process.stdout.readline().strip()
        started = subprocess.run(
            [
                *("curl", "-sS", "-u", f"{client['client_id']}:{client['client_secret']}"),
                *("-d", "type=login-pin", "-d", "user_id=eva", "-d", f"device_id={device_id}"),
                *("-d", "callback_uri=http://127.0.0.1:9/callback", "-d", "message=Sign in?"),
                f"{run.base}/oauth/api/v4/authenticate/user",
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert "transaction_id" in json.loads(started.stdout), started.stdout
        output, _errors = process.communicate("\n", timeout=30)
    return output.splitlines()
