"""A portal's callback address, for tests: takes every POST with 204. `python -m tests.fakes.portal --port 0`."""

from tests.fakes import stand_in


class Portal(stand_in.StandIn):
    """Stands in for portals: keys are paths."""


class PortalControl(stand_in.Control):
    """Talks to the portal sink."""


if __name__ == "__main__":
    stand_in.run(Portal)
