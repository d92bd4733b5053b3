"""Countersign as an operator runs it: processes of `migrate`, `serve` and `worker` with production settings."""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request

from tests.flows.programs import ROOT, Program
from tests.ports import free_port

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "TMPDIR")


class Stack:
    """Processes of an installation. `extra` has environment variables such as DATABASE_URL and BROKER_URL.

    `project` is the directory of the code.
    """

    def __init__(self, directory, project=ROOT, **extra):
        self.directory, self.project = directory, project
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CALLBACKS_ALLOW_PRIVATE_ADDRESSES": "1",
            "VAR_DIR": str(directory),
            "PORT": str(self.port),
            "PUBLIC_URL": f"http://localhost:{self.port}",
            **extra,
        }
        self.programs = []
        self.web = self.program("web", "serve", "--host", "127.0.0.1")
        self.worker = self.program("worker", "worker")

    def program(self, name, *command):
        program = Program(name, [str(self.project / "manage.py"), *command], self.environment, self.directory)
        self.programs.append(program)
        return program

    def command(self, *arguments, seconds=60):
        """Run a management command and return its output. Raises AssertionError with the output if it fails."""
        process = subprocess.run(
            [sys.executable, self.project / "manage.py", *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert process.returncode == 0, f"{arguments}: {process.stdout}{process.stderr}"
        return process.stdout

    def configure(self, configuration):
        """Import a configuration file."""
        path = self.directory / "configuration.json"
        path.write_text(json.dumps(configuration))
        self.command("import_configuration", str(path))

    def start(self):
        self.start_web()
        self.start_worker()

    def start_web(self):
        self.web.start()
        self.wait_ready()

    def start_worker(self, program=None):
        """Start a worker and wait until it is ready."""
        program = program or self.worker
        program.start()
        program.wait_for("worker_started")

    def stop(self):
        for program in self.programs:
            if program.alive():
                program.process.terminate()
        for program in self.programs:
            if program.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.process.wait(5)
                program.kill()

    def wait_ready(self, seconds=30):
        """Wait until /readyz reports that the server is ready."""
        deadline = time.monotonic() + seconds
        while True:
            status, body = self.get("/readyz")
            if status == 200:
                return
            assert self.web.alive(), self.web.log()[-3000:]
            assert time.monotonic() < deadline, f"not ready: {status} {body}\n{self.web.log()[-3000:]}"
            time.sleep(0.02)

    def get(self, path, seconds=10, **headers):
        """Send a GET request without credentials. Return status and body; the status is 0 if the connection fails."""
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, headers=headers), timeout=seconds
            ) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)
