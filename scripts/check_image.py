"""Build the image of the Dockerfile without Docker, and deliver an SMS with its web process and worker.

It runs as root on Debian with mmdebstrap, buildah and netavark. The base image is replaced by one of Debian's packages,
because it cannot be downloaded everywhere. The containers have chroot isolation: they share the network of the machine.
"""

import base64
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("mmdebstrap", "buildah")
NETAVARK = Path("/usr/lib/podman/netavark")
SECRET = "secret-of-the-portal"
CONFIGURATION = {
    "api_clients": [
        {"name": "Portal", "client_id": "portal", "client_secret": SECRET, "apis": ["mobile_authentication"]}
    ],
    "mobile_authentication_types": [{"name": "code", "method": "sms", "default_messages": {"en": "Your code: {code}"}}],
}


class Buildah:
    """The program buildah with storage in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.options = ["--root", str(directory / "storage"), "--runroot", str(directory / "run")]
        self.environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}

    def arguments(self, *arguments: str) -> list[str]:
        command, *rest = arguments
        return ["nice", "buildah", *self.options, command, *rest]

    def __call__(self, *arguments: str, text: str | None = None) -> str:
        process = subprocess.run(
            self.arguments(*arguments), env=self.environment, input=text, capture_output=True, text=True, check=False
        )
        if process.returncode:
            sys.exit(f"buildah {arguments[0]} failed:\n{process.stdout[-3000:]}{process.stderr[-3000:]}")
        return process.stdout.strip()


def main() -> None:
    missing = [name for name in PROGRAMS if not shutil.which(name)] + [str(NETAVARK)] * (not NETAVARK.exists())
    if missing or os.geteuid():
        reason = f"{', '.join(missing)} not installed" if missing else "only root can build it"
        print(f"skipped  image: {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="countersign-image-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        buildah = Buildah(directory)
        if reason := base_problem(buildah, directory):
            print(f"skipped  image: {reason}")
            return
        build(buildah, directory)
        print("ok       image: every step of the Dockerfile")
        run(buildah, directory)
        print("ok       image: migrate, serve and worker run as an unprivileged user and deliver an SMS")


def base_problem(buildah: Buildah, directory: Path) -> str:
    """Make the base image `localhost/base` of Debian's packages, and run a program in it.

    Return a reason if this machine cannot do so: not every one permits to mount, or has a mirror of Debian.
    """
    archive = directory / "base.tar"
    commands = [
        ["nice", "mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-venv,ca-certificates",
         '--customize-hook=ln -s python3 "$1/usr/bin/python"', "trixie", str(archive)],
        *(buildah.arguments(*arguments) for arguments in (
            ("from", *limits(), "--name", "base", "scratch"),
            ("add", "--quiet", "base", str(archive), "/"),
            ("run", "base", "--", "true"),
            ("commit", "--quiet", "base", "localhost/base"),
            ("rm", "base"),
        )),
    ]  # fmt: skip
    for command in commands:
        process = subprocess.run(command, env=buildah.environment, capture_output=True, text=True, check=False)
        if process.returncode:
            return f"{command[1]} failed: {process.stderr.strip()[-500:]}"
    archive.unlink()
    return ""


def build(buildah: Buildah, directory: Path) -> None:
    """Build the image `localhost/countersign` on the base image."""
    [base] = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    replacement = f"{base}=docker-image://localhost/base"
    options = ["--format", "docker", "--build-context", replacement, *limits(), *registry_mounts(directory)]
    buildah("build", *options, "--tag", "localhost/countersign", str(ROOT))


def limits() -> list[str]:
    """Return the limits of this process as options: buildah would raise them, which is not permitted everywhere."""
    numbers = {name: subprocess.check_output(["sh", "-c", f"ulimit -H{flag}"], text=True).strip()
               for name, flag in (("nofile", "n"), ("nproc", "p"))}  # fmt: skip
    values = {name: "-1" if number == "unlimited" else number for name, number in numbers.items()}
    return [part for name, value in values.items() for part in ("--ulimit", f"{name}={value}:{value}")]


def registry_mounts(directory: Path) -> list[str]:
    """Return options that give the build the certificates and the package index of this machine."""
    npmrc = directory / "npmrc"
    npmrc.write_text("cafile=/etc/ssl/certs/ca-certificates.crt\n")
    home = Path("~root").expanduser()
    mounts = {"/etc/ssl/certs": "/etc/ssl/certs", "/etc/pip.conf": "/etc/pip.conf", str(npmrc): f"{home}/.npmrc"}
    return [part for source, target in mounts.items() if Path(source).exists()
            for part in ("--volume", f"{source}:{target}:ro")]  # fmt: skip


def run(buildah: Buildah, directory: Path) -> None:
    """Run the commands of the compose file in containers, and deliver an SMS."""
    port = free_port()
    variables = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "PUBLIC_URL": f"http://localhost:{port}",
        "PORT": str(port),
        "WEB_WORKERS": "2",
        "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY": "console",
    }
    container = buildah("from", "--pull-never", *limits(), "localhost/countersign")
    options = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    execute = ["run", *options, container, "--"]
    manage = [*execute, "python", "manage.py"]
    health = json.loads(re.search(r"HEALTHCHECK.* CMD (\[.*\])", dockerfile()).group(1))
    assert buildah(*execute, "id", "-un") == "countersign"
    buildah(*manage, "migrate")
    buildah(*manage, "import_configuration", "-", text=json.dumps(CONFIGURATION))
    with program(buildah, directory / "web.log", *manage, "serve"), \
            program(buildah, directory / "worker.log", *manage, "worker") as worker_log:  # fmt: skip
        wait_until(lambda: is_ready(port), "the web process is not ready", directory / "web.log")
        buildah(*execute, *health)
        start_sms(port)
        wait_until(lambda: "Your code: " in worker_log.read_text(), "the worker sent no SMS", worker_log)


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


@contextmanager
def program(buildah, path, *arguments):
    """Run a program in the container, then end it."""
    with path.open("wb") as log:
        process = subprocess.Popen(
            buildah.arguments(*arguments), env=buildah.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield path
    finally:
        os.killpg(process.pid, 15)
        process.wait(40)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def start_sms(port: int) -> None:
    form = urlencode({"type": "code", "user_id": "anna", "phone_number": "+31612345678"}).encode()
    credentials = base64.b64encode(f"portal:{SECRET}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/oauth/api/v4/authenticate/user", form, {"Authorization": f"Basic {credentials}"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        assert json.load(response)["auth_method"] == "sms"


def wait_until(condition, problem: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{problem}:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


if __name__ == "__main__":
    main()
