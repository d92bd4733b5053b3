"""Clients generated from the API description log in at a running server, by push and by SMS."""

import base64
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from scripts import node
from tests.clients.portal.site import CLIENT_ID, CLIENT_SECRET, phone_number

pytestmark = pytest.mark.processes

SOURCE = Path(__file__).parent / "generated"
MAX_MODELS = 60
CREDENTIALS = base64.b64encode(f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}".encode()).decode()
# Formatting the client would take longer than generating it.
CONFIGURATION = "post_hooks: []\n"


@pytest.fixture(scope="module")
def description(portal_site, tmp_path_factory):
    """Return the file of the description that the server returns."""
    path = tmp_path_factory.mktemp("description") / "openapi.json"
    with urllib.request.urlopen(f"{portal_site.url}/oauth/api/schema/?format=json") as response:
        path.write_bytes(response.read())
    return path


@pytest.fixture(scope="module")
def package(description):
    """Generate the client in Python, and return the function that imports one of its modules."""
    directory = description.parent
    (directory / "configuration.yaml").write_text(CONFIGURATION)
    command = [sys.executable, "-c", "import sys; from openapi_python_client.cli import app; sys.exit(app())"]
    options = ["--meta", "none", "--path", str(description), "--config", str(directory / "configuration.yaml")]
    output = ["--output-path", str(directory / "generated_client"), "--fail-on-warning"]
    ended = subprocess.run([*command, "generate", *options, *output], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    sys.path.insert(0, str(directory))
    yield lambda name: importlib.import_module(f"generated_client.{name}" if name else "generated_client")
    sys.path.remove(str(directory))


def test_generated_python_client_is_small_and_complete(package):
    root = package("")
    names = [module.name for module in pkgutil.walk_packages(root.__path__, "generated_client.")]
    for name in names:
        importlib.import_module(name)
    models = [name for name in names if name.startswith("generated_client.models.")]
    assert 30 < len(models) <= MAX_MODELS
    assert {"generated_client.models.error", "generated_client.api.portal.start_authentication"} <= set(names)
    operations = [name for name in names if name.startswith("generated_client.api.") and name.count(".") == 3]
    assert len(operations) > 40


@pytest.fixture
def client(portal_site, package):
    with package("").AuthenticatedClient(base_url=portal_site.url, token=CREDENTIALS, prefix="Basic") as client:
        yield client


def test_generated_python_client_logs_in_by_push(portal_site, package, client):
    models, user_id = package("models"), "generated/python"
    start, get_transaction = package("api.portal.start_authentication"), package("api.portal.get_transaction")
    device_id = portal_site.phones.enroll(user_id)
    request = models.StartAuthenticationRequest(
        type_="login", user_id=user_id, device_id=device_id, callback_uri="http://127.0.0.1:9/callback"
    )
    started = start.sync(client=client, body=request, idempotency_key="generated-python")
    assert started.auth_method is models.AuthenticationMethod.PUSH
    assert start.sync(client=client, body=request, idempotency_key="generated-python") == started
    assert get_transaction.sync(started.transaction_id, client=client).status is models.TransactionStatus.PENDING
    portal_site.phones.approve(device_id, str(started.transaction_id))
    result = get_transaction.sync(started.transaction_id, client=client)
    assert (result.is_authenticated, result.user_id) == (True, user_id)


def test_generated_python_client_logs_in_by_sms(portal_site, package, client):
    models, number, user_id = package("models"), phone_number(), "generated/python sms"
    start, verify = package("api.portal.start_authentication"), package("api.portal.verify_sms_code")
    request = models.StartAuthenticationRequest(type_="login-sms", user_id=user_id, phone_number=number)
    started = start.sync(client=client, body=request)
    code = portal_site.phones.sms_code(number)
    attempt = models.VerifySmsCodeRequest(str(started.transaction_id), "000000" if code != "000000" else "111111")
    error = verify.sync(user_id, client=client, body=attempt)
    assert isinstance(error, models.Error)
    assert (error.error_code, error.error) == ("3003", "invalid_verification_code")
    attempt.sms_code = code
    assert verify.sync(user_id, client=client, body=attempt).transaction_id == started.transaction_id


def test_generated_python_client_creates_an_enrollment_code(package, client):
    create = package("api.users.create_enrollment_code")
    body = package("models").CreateEnrollmentCodeRequest(application_id="demo")
    assert create.sync("generated/python", client=client, body=body).enrollment_code


def test_generated_python_client_returns_typed_errors(portal_site, package, client):
    models, start = package("models"), package("api.portal.start_authentication")
    error = start.sync(client=client, body=models.StartAuthenticationRequest(type_="unknown", user_id="anna"))
    assert error == models.Error("type_not_found", error.error_description, "3005", error.error_description)


@pytest.fixture(scope="module")
def typescript(tmp_path_factory):
    """Install the npm packages. Return the directory of a client and the function that runs Node in it."""
    package = node.Package(SOURCE.name, node.of_the_package(), parent=SOURCE.parent)
    package.install()
    directory = tmp_path_factory.mktemp("typescript")
    for name in ("login.ts", "tsconfig.json", "package.json"):
        shutil.copy(SOURCE / name, directory)
    (directory / "node_modules").symlink_to(SOURCE / "node_modules")

    def run(*arguments, **environment):
        ended = package.run(*arguments, cwd=directory, env={**os.environ, **environment}, capture_output=True)
        assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-3000:]
        return ended.stdout

    return run


def test_generated_typescript_client_logs_in(portal_site, description, typescript):
    typescript("node_modules/openapi-typescript/bin/cli.js", str(description), "--output", "schema.ts")
    typescript("node_modules/typescript/bin/tsc")
    environment = {"server": portal_site.url, "phones": portal_site.phones_url, "phoneNumber": phone_number()}
    assert "logged in twice" in typescript("login.js", authorization=f"Basic {CREDENTIALS}", **environment)


def test_lockfiles_name_no_host():
    for directory in (SOURCE, node.ROOT / "scripts" / "openapi", node.ROOT / "tests" / "clients" / "ciba"):
        lockfile = (directory / "package-lock.json").read_text()
        assert '"integrity"' in lockfile
        assert '"resolved"' not in lockfile
