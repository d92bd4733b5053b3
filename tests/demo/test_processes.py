"""Start and end of the processes of the demo: signals, ports, and an exit of one process."""

import os
import re
import signal
import socket

import pytest

from tests.demo.running import Run, Visitor, stored_device
from tests.ports import free_port

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_demo_stops_cleanly_and_restarts_on_another_port(tmp_path, how):
    first = Run(tmp_path)
    try:
        demo_line, console_line = first.wait_until_ready()
        assert demo_line == f"Demo: {first.base}/demo/\n"
        assert re.fullmatch(rf"Console: {first.base}/admin/ admin \S{{12,}}\n", console_line)
        assert Visitor(first.base).answer("approve")["portal"]["status"] == "signed_in"
        device = stored_device(first)
        first.interrupt_group() if how == "Ctrl-C" else first.process.send_signal(signal.SIGTERM)
        assert first.end() == (0, "", "")
        assert first.group_is_empty()
    finally:
        first.kill()

    second = Run(tmp_path, free_port())
    try:
        lines = second.wait_until_ready()
        assert lines == [line.replace(first.base, second.base) for line in (demo_line, console_line)]
        assert Visitor(second.base).answer("deny")["portal"]["status"] == "denied"
        assert stored_device(second) == device
    finally:
        second.kill()


def test_port_in_use_is_reported_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Run(tmp_path, taken.getsockname()[1])
        code, output, errors = run.end()
    assert (code, output) == (1, "")
    assert re.fullmatch(rf"Port {run.port} cannot be used: .*\n", errors)


def test_invalid_port_is_reported_in_one_line(tmp_path):
    code, output, errors = Run(tmp_path, "many").end()
    assert (code, output) == (1, "")
    assert errors == "PORT must be an integer from 1 to 65535, not 'many'.\n"


def test_exit_of_one_process_stops_the_other(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        os.kill(run.children()["worker"], signal.SIGKILL)
        code, _output, errors = run.end()
        assert code == 1
        assert errors == f"The worker process exited unexpectedly (exit code -9). See {tmp_path}/logs/worker.log.\n"
        assert run.group_is_empty()
    finally:
        run.kill()


def test_killed_run_leaves_no_process(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        run.process.kill()
        run.process.wait(10)
        assert run.group_is_empty(20)
    finally:
        run.kill()
