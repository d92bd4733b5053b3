"""An upgrade without an outage: the code before the newest migration and the current code on one database."""

import os
import subprocess
import tarfile
import threading
from contextlib import contextmanager

import pytest

from tests.flows import installation as installations
from tests.flows.programs import ROOT
from tests.flows.stack import Stack

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.environ["TEST_BACKEND"] == "sqlite", reason="SQLite is for one machine without upgrades"),
]


def git(*arguments):
    process = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=30, check=False)
    if process.returncode:
        pytest.skip(f"the history is not available: {process.stderr.decode().strip()}")
    return process.stdout


@pytest.fixture
def previous_code(tmp_path):
    """Return a directory with the code before the newest migration."""
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", "apps/*/migrations/0*.py").decode().strip()
    if not added:
        pytest.skip("the history is not available")
    archive = tmp_path / "code.tar"
    archive.write_bytes(
        git("archive", f"{added}^", "manage.py", "apps", "config", "templates", "locale", "clients/python")
    )
    with tarfile.open(archive) as files:
        files.extractall(tmp_path / "previous", filter="data")
    return tmp_path / "previous"


class Site:
    """Web server with the devices and portals that use it."""

    def __init__(self, installation, url):
        self.installation, self.url = installation, url

    def login(self, user, answered_by, read_by):
        """Start a login here, answer it and read its result at other servers."""
        installation = self.installation
        installation.stack.url = self.url
        path = installation.path()
        transaction_id = installation.start(user, path)
        user.device.server = answered_by.url
        installation.answer(user, transaction_id)
        installation.stack.url = read_by.url
        assert installation.result(transaction_id)["status"] == "authenticated"
        installation.portal.wait(path)


def test_logins_work_at_every_step_of_an_upgrade(tmp_path, previous_code):
    directory = tmp_path / "var"
    directory.mkdir()
    with installations.running(directory, previous_code, **installations.database()) as installation:
        old_stack = installation.stack
        old = Site(installation, old_stack.url)
        user = installation.enroll()
        old.login(user, old, old)
        new_stack = upgraded(old_stack, tmp_path)
        try:
            with continuous_logins(old, user):
                new_stack.command("migrate", "--no-input")
            # The web processes first, the old one still serves requests and the old worker delivers.
            new_stack.start_web()
            new = Site(installation, new_stack.url)
            for sites in ((old, new, old), (new, old, new), (new, new, new), (old, old, new)):
                sites[0].login(user, *sites[1:])
            new_user = installation.enroll()
            new.login(new_user, old, old)
            new_stack.start_worker()
            old_stack.worker.stop()
            old.login(user, new, old)
            old_stack.web.stop()
            new.login(user, new, new)
        finally:
            new_stack.stop()


def upgraded(stack, directory):
    """Return a stack of the current code with the environment of another one, on another port."""
    environment = {name: value for name, value in stack.environment.items() if name not in ("PORT", "VAR_DIR")}
    target = directory / "new"
    target.mkdir()
    return Stack(target, **environment)


@contextmanager
def continuous_logins(site, user):
    """Log in again and again. Raises the error of a failed login at the end."""
    is_ended, errors, number = threading.Event(), [], 0

    def run():
        nonlocal number
        try:
            while not is_ended.is_set() or not number:
                site.login(user, site, site)
                number += 1
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_ended.set()
        thread.join(60)
    if errors:
        raise errors[0]
    assert number
