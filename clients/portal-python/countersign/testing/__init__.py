"""Fake server for the tests of a portal: in the process of the test, without network and without waiting."""

from countersign.testing.callbacks import CallbackRequest
from countersign.testing.server import FakeServer
from countersign.testing.state import FakeType

__all__ = ["CallbackRequest", "FakeServer", "FakeType"]
