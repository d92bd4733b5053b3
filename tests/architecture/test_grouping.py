"""Parallel test runs."""

import pytest


def test_worker_groups_the_tests_of_a_file(request):
    """Without groups, every worker starts the shared servers of every file, and a run takes much longer."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("the run has no groups: it does not use --dist loadgroup")
    assert request.node.nodeid.endswith("@tests/architecture/test_grouping.py")
