"""2,000 slow and 2,000 silent clients do not delay others, directly or through a reverse proxy."""

import base64
import shutil
import statistics
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest

from tests.flows.stack import Stack
from tests.flows.waiting import wait_until
from tests.ports import free_port
from tests.server.attack import run_attack

pytestmark = pytest.mark.processes

SLOW = SILENT = 2000
REQUESTS = 60
# Tolerance for a busy machine. A request without a free thread would wait for many seconds.
SLACK_SECONDS = 0.05
SECRET = "client-secret-of-the-portal"
CONFIGURATION = {
    "api_clients": [
        {"name": "Portal", "client_id": "portal", "client_secret": SECRET, "apis": ["mobile_authentication"]}
    ],
    "mobile_authentication_types": [{"name": "scan", "method": "otp", "time_to_live": 120}],
}
NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_request_buffering off;
        }}
    }}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
    storage file_system {directory}/caddy
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{upstream}
}}
"""


@contextmanager
def no_proxy(upstream, _directory):
    yield upstream


@contextmanager
def nginx(upstream, directory):
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not program:
        pytest.skip("nginx is not installed")
    with proxy(directory, NGINX, upstream, lambda path: [program, "-p", str(directory), "-c", path]) as port:
        yield port


@contextmanager
def caddy(upstream, directory):
    program = shutil.which("caddy")
    if not program:
        pytest.skip("Caddy is not installed")
    run = lambda path: [program, "run", "--adapter", "caddyfile", "--config", path]  # noqa: E731
    with proxy(directory, CADDY, upstream, run) as port:
        yield port


@contextmanager
def proxy(directory, template, upstream, arguments):
    """Run a reverse proxy for a port. Yields the port of the proxy."""
    port = free_port()
    path = directory / "proxy.conf"
    path.write_text(template.format(directory=directory, port=port, upstream=upstream))
    process = subprocess.Popen(arguments(str(path)), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory)
    try:
        wait_until(lambda: is_healthy(port))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Run two web processes that trust a proxy on this machine."""
    stack = Stack(tmp_path_factory.mktemp("web"), WEB_WORKERS="2", TRUSTED_PROXIES="127.0.0.1")
    stack.command("migrate", "--no-input")
    stack.configure(CONFIGURATION)
    stack.start_web()
    yield stack
    stack.stop()


def start(port):
    """Start an OTP transaction (E3) on a separate connection."""
    form = urlencode({"type": "scan", "callback_uri": "http://127.0.0.1:9/callback"}).encode()
    credentials = base64.b64encode(f"portal:{SECRET}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/oauth/api/v4/authenticate/user",
        form,
        {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.status == 200


def median_seconds(call, port):
    durations = []
    for _number in range(REQUESTS):
        started = time.monotonic()
        assert call(port)
        durations.append(time.monotonic() - started)
    return statistics.median(durations)


@pytest.mark.parametrize("reverse_proxy", [no_proxy, nginx, caddy])
def test_slow_and_silent_clients_do_not_delay_others(stack, tmp_path, reverse_proxy):
    tmp_path.chmod(0o755)
    with reverse_proxy(stack.port, tmp_path) as port:
        before = [median_seconds(call, port) for call in (is_healthy, start)]
        with run_attack(port, slow=SLOW, silent=SILENT):
            during = [median_seconds(call, port) for call in (is_healthy, start)]
    for seconds_before, seconds_during in zip(before, during, strict=True):
        assert seconds_during < 2 * seconds_before + SLACK_SECONDS
    assert stack.web.alive()
