"""Runs the commands that a document shows, as a reader would: pasted into a shell, beside a running demo."""

import re
import subprocess

from tests.demo.running import ROOT, environment

SECONDS = 90


def block(path, test):
    """Return the shell blocks of a document that a comment before each says this test executes, as one."""
    text = (ROOT / path).read_text()
    marked = re.findall(rf"<!-- executed by {re.escape(test)} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert marked, f"{path} has no block for {test}"
    return "\n".join(marked)


def linked_project(directory):
    """Return a directory that has all of the project's, where commands may write a file."""
    directory.mkdir()
    for entry in ROOT.iterdir():
        (directory / entry.name).symlink_to(entry)
    return directory


def execute(commands, run, directory, project=ROOT):
    """Run commands with bash, from the project's directory or a linked one; the first that fails ends them."""
    variables = {**environment(run.var_dir, run.port), "HOME": str(directory)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=variables,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
