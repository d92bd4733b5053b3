"""The image and the compose files, tested without Docker: their services run from a copy of the image's files."""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
import yaml
from django.conf import settings

from apps.common.console.documents import DOCUMENTS
from apps.console.documentation.menu import CONFIGURATION
from tests.architecture.test_settings import variables_read
from tests.flows import installation as installations
from tests.flows.programs import ROOT, Program
from tests.flows.stack import KEPT_VARIABLES
from tests.flows.waiting import wait_until
from tests.ports import free_port

PINNED = re.compile(r"[a-z]+:\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}")
COPIED = re.compile(r"^COPY (?!--from)(\S+) \S+$", re.MULTILINE)
REQUIRED_VARIABLES = {"POSTGRES_PASSWORD", "PUBLIC_URL", "WEB_WORKERS", "PORT"}


def dockerfile():
    """Return the Dockerfile with one line per instruction."""
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def last_stage():
    """Return the instructions of the image itself."""
    return dockerfile().rpartition("\nFROM ")[2]


def compose(name):
    return yaml.safe_load((ROOT / name).read_text())


def own_services():
    """Return the services that run the image, by name."""
    services = compose("docker-compose.yml")["services"]
    return {name: service for name, service in services.items() if service.get("image") == "countersign"}


@pytest.fixture
def image(tmp_path):
    """Return a directory with the files that the build copies. Files that .dockerignore excludes are not copied."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    target = tmp_path / "image"
    target.mkdir()
    assert set(COPIED.findall(dockerfile())) <= set(allowed)
    for source in COPIED.findall(last_stage()):
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, target / source)
    return target


@pytest.fixture
def environment(tmp_path):
    """Return the environment of a container, with the servers of the tests and with secrets in files."""
    values = {name: str(value) for name, value in own_services()["web"]["environment"].items() if "$" not in str(value)}
    servers = installations.database(offset=4)
    values.pop("BROKER_URL")
    values = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": servers.pop("DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'countersign.sqlite3'}"),
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value + "\n")
    files = compose("docker-compose.secrets.yml")["services"]["web"]["environment"]
    assert files.keys() == {f"{name}_FILE" for name in values}
    return {
        **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
        **dict(re.findall(r"([A-Z_]+)=(config\.settings\.\w+)", dockerfile())),
        **values,
        **servers,
        "PUBLIC_URL": "https://auth.example.com",
        **{f"{name}_FILE": str(tmp_path / name) for name in values},
        "VAR_DIR": str(tmp_path / "data"),
        "PORT": str(free_port()),
    }


def manage(service):
    arguments = service["command"].split()
    assert arguments[:2] == ["python", "manage.py"]
    return arguments[2:]


@pytest.mark.processes
def test_services_run_from_the_image_log_json_and_stop_in_time(image, environment, tmp_path):
    services, programs = own_services(), {}
    migrated = subprocess.run(
        [sys.executable, image / "manage.py", *manage(services.pop("migrate"))],
        env=environment, cwd=image, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert migrated.returncode == 0, migrated.stderr
    try:
        for name, service in services.items():
            command = [str(image / "manage.py"), *manage(service)]
            programs[name] = Program(name, command, environment, tmp_path).start()
        for name, program in programs.items():
            if name != "web":
                program.wait_for("worker_started")
                assert f'["{name.removeprefix("worker-")}"]' in program.log()
        wait_until(lambda: is_healthy(environment), 30)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{environment['PORT']}/unknown/user-of-the-path?q=1")
        for name, program in programs.items():
            grace = int(services[name]["stop_grace_period"].removesuffix("s"))
            program.stop(seconds=grace)
            assert "Traceback" not in program.log()
        lines = [json.loads(line) for program in programs.values() for line in program.log().splitlines()]
        requests = [line for line in lines if line["event"] == "request_completed"]
        assert [(line["method"], line["endpoint"], line["status"]) for line in requests] == [("GET", "other", 404)]
        assert {line["client_ip"] for line in requests} == {"127.0.0.1"}
    finally:
        for program in programs.values():
            program.kill()


def is_healthy(environment):
    """Return True if the health check of the image succeeds."""
    arguments = json.loads(re.search(r"HEALTHCHECK.* CMD (\[.*\])", dockerfile()).group(1))
    assert arguments[0] == "python"
    return subprocess.run([sys.executable, *arguments[1:]], env=environment, timeout=10, check=False).returncode == 0


def test_image_contains_templates_catalogues_and_documentation():
    directories = [*settings.TEMPLATES[0]["DIRS"], *settings.LOCALE_PATHS]
    assert {path.name for path in [*directories, DOCUMENTS, CONFIGURATION]} <= set(COPIED.findall(last_stage()))


def test_image_contains_the_web_phone_that_a_stage_builds():
    built, copied = re.findall(r"^COPY --from=phone (\S+) (\S+)$", last_stage(), re.MULTILINE)[0]
    assert ROOT / copied == settings.PHONE_DIR
    [stage] = re.findall(r"^FROM \S+ AS phone$(.+?)^FROM ", dockerfile(), re.MULTILINE | re.DOTALL)
    assert built == f"{re.findall(r'^WORKDIR (.+)$', stage, re.MULTILINE)[0]}/{copied}"
    assert "RUN ./scripts/build-phone.sh" in stage


@pytest.mark.processes
def test_files_of_the_stage_are_enough_to_build_the_web_phone(tmp_path):
    [stage] = re.findall(r"^FROM \S+ AS phone$(.+?)^FROM ", dockerfile(), re.MULTILINE | re.DOTALL)
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", stage, re.MULTILINE):
        place = tmp_path / target / (ROOT / source).name if target.endswith("/") else tmp_path / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("node_modules", "dist", ".lock"))
        else:
            shutil.copy(ROOT / source, place)
    built = subprocess.run(
        ["./scripts/build-phone.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    hashes = subprocess.run(["./scripts/phone-hashes.sh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    # The build is reproducible: a release can be compared with these lines.
    assert hashes.stdout == subprocess.run(
        [ROOT / "scripts" / "phone-hashes.sh"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert "app.js" in hashes.stdout


def test_image_is_not_run_by_root_and_contains_no_local_files():
    assert re.findall(r"^USER (\S+)$", last_stage(), re.MULTILINE) == ["countersign"]
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    for service in own_services().values():
        assert service["cap_drop"] == ["ALL"]


def test_compose_files_set_and_require_known_variables():
    variables = {name for service in own_services().values() for name in service["environment"]}
    assert variables <= variables_read()
    required = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert required == REQUIRED_VARIABLES
    # All other variables are set in .env.
    assert all(service["env_file"] == [{"path": ".env", "required": False}] for service in own_services().values())
    assert {"postgres", "redis"} == {
        service["image"].partition(":")[0]
        for name, service in compose("docker-compose.yml")["services"].items()
        if name not in own_services()
    }


def test_compose_publishes_ports_on_loopback_only():
    published = [
        port for service in compose("docker-compose.yml")["services"].values() for port in service.get("ports", [])
    ]
    assert published
    assert not [port for port in published if not str(port).startswith("127.0.0.1:")]


def test_every_image_is_pinned_by_digest():
    services = compose("docker-compose.yml")["services"].values()
    images = [service["image"] for service in services if "image" in service and "build" not in service]
    images += re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE)
    assert len(images) == 5
    assert not [image for image in images if not PINNED.fullmatch(image)]


def test_services_get_all_declared_secrets():
    secret_files = compose("docker-compose.secrets.yml")
    assert secret_files["services"].keys() == own_services().keys() | {"database"}
    mounted = {secret for service in secret_files["services"].values() for secret in service["secrets"]}
    assert mounted == secret_files["secrets"].keys()
    for service in secret_files["services"].values():
        for name, path in service["environment"].items():
            assert name.endswith("_FILE")
            assert path.removeprefix("/run/secrets/") in service["secrets"]
