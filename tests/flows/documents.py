"""Execution of the shell blocks of a document, with a running demo."""

import re
import subprocess

from tests.demo.running import ROOT, environment

SECONDS = 90


def shell_blocks(path, test):
    """Return the shell blocks of a document that are marked as executed by this test, joined."""
    text = (ROOT / path).read_text()
    marked = re.findall(rf"<!-- executed by {re.escape(test)} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert marked, f"{path} has no block for {test}"
    return "\n".join(marked)


def linked_project(directory):
    """Return a directory with links to all files of the project, in which commands can write files."""
    directory.mkdir()
    for entry in ROOT.iterdir():
        (directory / entry.name).symlink_to(entry)
    return directory


def execute(commands, run, directory, project=ROOT):
    """Run commands with bash in the directory of the project or a linked one, up to the first that fails."""
    variables = {**environment(run.var_dir, run.port), "HOME": str(directory)}
    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=variables,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert process.returncode == 0, f"{process.stdout}\n{process.stderr}"
    return process.stdout
