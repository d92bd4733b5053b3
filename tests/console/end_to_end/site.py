"""An installation with an empty database, as an operator has it on the first day, and everything that surrounds it."""

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
    """The product's processes, and in this process the stand-ins of Google, of an SMS service and of portals.

    `passwords` are those of the staff by name. `signed_in` is what a browser keeps of the administrator's session.
    """

    stack: Stack
    fcm: Fcm
    sms: SmsService
    sink: Portal
    passwords: dict = field(default_factory=dict)
    signed_in: dict = field(default_factory=dict)

    def hire(self, name, role):
        """Make a staff account, as the operator's guide says; its first password is in `passwords`."""
        made = json.loads(self.stack.command("create_staff", name, "--role", role, "--json"))
        self.passwords[name] = made["password"]


@contextmanager
def empty_site(directory):
    with ExitStack() as until_the_end:
        fcm, sms, sink = (until_the_end.enter_context(one()) for one in (Fcm, SmsService, Portal))
        stack = Stack(directory, **sms.describe()["environment"], **database())
        until_the_end.callback(stack.stop)
        # Links for phones begin with it.
        stack.environment["PUBLIC_URL"] = stack.url
        stack.command("migrate", "--no-input")
        stack.start()
        yield Site(stack, fcm, sms, sink)


def scan(link):
    """Return a phone on which the app has opened an enrolment link, and what the link told it."""
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc) == ("countersign", "enroll")
    told = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Device(told["server"]), told
