"""Installation with an empty database, and fakes of all external systems."""

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from apps.demo.device import Device
from tests.fakes.fcm import Fcm
from tests.fakes.portal import Portal
from tests.fakes.sms_service import SmsService
from tests.flows.installation import database
from tests.flows.stack import Stack


@dataclass
class Site:
    """Installation with fakes of Google, of an SMS service and of portals.

    `passwords` contains the passwords of the staff by name; `signed_in` is the browser state of the administrator.
    """

    stack: Stack
    fcm: Fcm
    sms: SmsService
    fake_portal: Portal
    passwords: dict = field(default_factory=dict)
    signed_in: dict = field(default_factory=dict)

    def create_staff(self, name, role):
        """Create a staff account; its initial password is in `passwords`."""
        account = json.loads(self.stack.command("create_staff", name, "--role", role, "--json"))
        self.passwords[name] = account["password"]


@contextmanager
def empty_site(directory):
    with ExitStack() as exit_stack:
        fcm, sms, fake_portal = (exit_stack.enter_context(fake()) for fake in (Fcm, SmsService, Portal))
        stack = Stack(directory, **sms.describe()["environment"], **database())
        exit_stack.callback(stack.stop)
        # Enrolment links start with this URL.
        stack.environment["PUBLIC_URL"] = stack.url
        stack.command("migrate", "--no-input")
        stack.start()
        yield Site(stack, fcm, sms, fake_portal)


def scan(link):
    """Return a device that opened an enrolment link, and the parameters of the link."""
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc) == ("countersign", "enroll")
    parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Device(parameters["server"]), parameters
