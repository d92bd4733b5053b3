"""Run of the demo as in `make run`, and a client of its page."""

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60
STEP_SECONDS = 20


def environment(var_dir, port):
    """Return the environment of a new user, without servers and test settings."""
    excluded = ("DATABASE_URL", "BROKER_URL", "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY")
    variables = {name: value for name, value in os.environ.items() if name not in excluded}
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.local", "VAR_DIR": str(var_dir), "PORT": str(port)}
    return {**variables, **settings}


class Run:
    """Process of `scripts/run.py` in its own process group."""

    def __init__(self, var_dir, port=None):
        self.var_dir, self.port = var_dir, port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "run.py")],
            env=environment(var_dir, self.port),
            cwd=var_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            umask=0o022,
        )

    def wait_until_ready(self):
        """Wait for the two lines of output and return them."""
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        try:
            lines = [self.process.stdout.readline(), self.process.stdout.readline()]
        finally:
            watchdog.cancel()
        assert lines[1], self.process.stderr.read()
        return lines

    def command(self, *arguments, stdin=""):
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=environment(self.var_dir, self.port),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def children(self):
        """Return the process ids by command: serve and worker."""
        process_ids = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                arguments = (path / "cmdline").read_text().split("\0")
                if parent == self.process.pid and str(ROOT / "manage.py") in arguments:
                    process_ids[arguments[2]] = int(path.name)
        return process_ids

    def interrupt_group(self):
        """Send the signal of Ctrl-C in a terminal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self):
        """Wait for the exit. Return exit code, standard output and standard error."""
        try:
            output, errors = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self.process.returncode, output, errors

    def group_is_empty(self, seconds=5):
        """Return True if no process of the run is left. An ended process counts until it is reaped."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.05)
        return False

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


class Visitor:
    """Client of the demo page without a browser: cookies, CSRF token and buttons."""

    def __init__(self, base):
        self.base = base
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self.open("/demo/").read()

    def open(self, path, **options):
        request = urllib.request.Request(self.base + path, **options)
        return self.opener.open(request, timeout=STEP_SECONDS)

    def state(self):
        return json.load(self.open("/demo/state"))

    def press(self, path, **fields):
        token = next(cookie.value for cookie in self.cookies if cookie.name == "csrftoken")
        try:
            return json.load(self.open(path, data=urlencode(fields).encode(), headers={"X-CSRFToken": token}))
        except urllib.error.HTTPError as error:
            return json.load(error)

    def until(self, condition):
        """Poll the state until it fulfils the condition."""
        deadline = time.monotonic() + STEP_SECONDS
        while not condition(state := self.state()):
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        return state

    def start_over(self):
        """End the visit of another test on the same demo."""
        self.press("/demo/leave")
        return self

    def sign_in(self, method="push"):
        """Sign in with a method, and wait until the phone displays the challenge."""
        self.press("/demo/sign-in", method=method)
        return self.until(lambda state: state["phone"]["request"] and state["phone"]["request"]["message"])

    def receive_code(self):
        """Click "Text me a code" and return the code that arrives on the phone."""
        self.press("/demo/sign-in", method="sms")
        return self.code_of(self.until(lambda state: state["phone"]["messages"]))

    @staticmethod
    def code_of(state):
        return re.search(r"\b\d{6}\b", state["phone"]["messages"][-1]["message"])[0]

    def answer(self, decision, method="push", **approval):
        request = self.sign_in(method)["phone"]["request"]
        self.press("/demo/phone/answer", decision=decision, transaction_id=request["transaction_id"], **approval)
        return self.until(lambda state: state["portal"]["status"] != "waiting")


def step_calls(state):
    return [step["call"] for step in state["steps"]]


def stored_device(run):
    phone = json.loads((run.var_dir / "demo" / "live.json").read_text())["phone"]
    return phone["device"]["device_id"] if phone else ""
