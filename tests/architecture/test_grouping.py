"""Parallel test runs."""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="the tests run in one process")
def test_worker_groups_the_tests_of_a_file(request):
    """Without groups, every worker starts the shared servers of every file, and a run takes twice as long."""
    assert request.node.nodeid.endswith("@tests/architecture/test_grouping.py")
