"""A portal of an example, and the browser of a user at it."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

from tests.clients.conftest import callback_url


class Portal:
    """Process of an example."""

    def __init__(self, command, name, site, environment):
        self.url = callback_url(site.ports[name]).removesuffix("/countersign/callback")
        self.process = subprocess.Popen(
            command,
            env={**environment, **site.environment(name)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def __enter__(self):
        self.until(lambda: self.state()["status"] == "pending")
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    def state(self):
        with self.opener.open(f"{self.url}/sign-in", timeout=10) as response:
            return json.load(response)

    def start(self, user_id):
        """Start a sign-in and return the status of the response."""
        # One example reads the query, the others a form.
        data = f"user_id={user_id}".encode()
        try:
            with self.opener.open(f"{self.url}/sign-in?user_id={user_id}", data=data, timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    def until(self, condition):
        deadline = time.monotonic() + 20
        while True:
            try:
                if condition():
                    return
            except OSError:
                assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def sign_in(portal, phones, user_id):
    """Sign a new user in at a portal, which gets the result by a callback."""
    assert portal.start(user_id) == 503
    device_id = phones.enroll(user_id)
    assert portal.start(user_id) == 202
    assert portal.state() == {"status": "pending"}
    [waiting] = phones.by_device_id[device_id].pending()
    phones.approve(device_id, waiting["transaction_id"])
    portal.until(lambda: portal.state() == {"status": "signed in", "user_id": user_id})
