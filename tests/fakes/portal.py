"""Fake portal: accepts every callback with 204. Run it with `python -m tests.fakes.portal --port 0`."""

from tests.fakes import fake_server


class Portal(fake_server.FakeServer):
    """Fake of all portals; keys are paths."""


class PortalControl(fake_server.Control):
    """Client of a fake portal in another process."""


if __name__ == "__main__":
    fake_server.run(Portal)
