"""Processes and threads of the clients. Clients wait for the interval, so all of them run at the same time."""

import asyncio
import json
import os
import shutil
import subprocess
import sys

from auth0_ai.authorizers.async_authorization.async_authorizer_base import (
    AsyncAuthorizerBase,
    get_async_authorization_credentials,
)
from auth0_ai.interrupts.async_authorization_interrupts import AccessDeniedInterrupt

from clients.python.countersign_device import keys
from scripts.node import ROOT
from tests.clients.ciba import sites

DETAILS = [{"type": "transfer", "payee": "Bob", "amount": "20.00"}]


def node_logins(site, package, settings):
    """Log in with the clients in JavaScript. Return the outcome of each login."""
    ended = subprocess.run(
        [package.node, "--no-warnings", "logins.js"],
        cwd=package.path,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(site.tls.ca_file), "SITE": json.dumps(settings)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def call_tool(site, user_id, answer):
    """Call a tool of auth0-ai. `answer` is what the user does on the device. Return the result or the interrupt."""
    device_id = site.phones.enroll(user_id)

    async def request_and_answer():
        loop = asyncio.get_running_loop()
        answered = loop.run_in_executor(None, answer, device_id)
        try:
            return await tool(shares=3)
        except AccessDeniedInterrupt as interrupt:
            return interrupt
        finally:
            await answered

    def buy(shares):
        return {"shares": shares, **get_async_authorization_credentials()}

    parameters = {
        "scopes": ["stock:trade"],
        "user_id": user_id,
        "binding_message": "Buy 3 shares?",
        "authorization_details": DETAILS,
        "on_authorization_request": "block",
    }
    domain = site.tls.url.removeprefix("https://")
    account = {"domain": domain, "client_id": sites.POLL, "client_secret": sites.SECRET}
    context = {"thread_id": user_id, "tool_call_id": "1", "tool_name": "buy"}
    tool = AsyncAuthorizerBase(parameters, account).protect(lambda **_arguments: context, buy)
    return asyncio.run(request_and_answer())


class Agent:
    """Example of an agent in a language, whose owner has a device. Its public key is stored beside the receipts."""

    def __init__(self, language, owner, site, package, directory):
        self.site, self.directory = site, directory / "example"
        shutil.copytree(ROOT / "examples" / f"agent-{language}", self.directory)
        (self.directory / "node_modules").symlink_to(package.path / "node_modules")
        self.receipts = directory / "receipts"
        self.receipts.mkdir()
        self.device_id = site.phones.enroll(owner)
        self.key_file = self.receipts / "owner.pem"
        self.key_file.write_text(keys.public_pem(site.phones.by_device_id[self.device_id].secret_key))
        self.command = {"python": [sys.executable], "typescript": [package.node, "--no-warnings"]}[language]
        self.suffix = {"python": ".py", "typescript": ".ts"}[language]
        self.environment = {
            **os.environ,
            "COUNTERSIGN_URL": site.tls.url,
            "COUNTERSIGN_CLIENT_ID": sites.POLL,
            "COUNTERSIGN_CLIENT_SECRET": sites.SECRET,
            "OWNER_USER_ID": owner,
            "RECEIPTS": str(self.receipts),
            "SSL_CERT_FILE": str(site.tls.ca_file),
            "NODE_EXTRA_CA_CERTS": str(site.tls.ca_file),
        }

    def start(self, name, *arguments):
        return subprocess.Popen(
            [*self.command, name + self.suffix, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, name, *arguments):
        """Run a program of the example. Return its exit code and output."""
        process = self.start(name, *arguments)
        output, _errors = process.communicate(timeout=60)
        return process.returncode, output

    def transfer(self, answer):
        """Run the agent, whose owner answers on the device. Return its exit code and output."""
        process = self.start("agent", "Bob", "20.00")
        answer(self.device_id)
        output, _errors = process.communicate(timeout=60)
        return process.returncode, output
