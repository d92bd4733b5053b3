"""The files in `deploy` and the commands of its pages."""

import re
import shutil
import subprocess

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import get_resolver

from config.worker import QUEUES
from tests.architecture import pages
from tests.flows.documents import shell_blocks
from tests.flows.programs import ROOT

NAME = "tests/commands/test_deployment_files.py"
DEPLOY = ROOT / "deploy"


def run(commands, directory=ROOT):
    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=directory, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_alert_rules_pass_their_tests():
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    assert "SUCCESS" in run(shell_blocks("docs/deployment/monitoring.md", NAME))


def test_page_explains_every_alert():
    rules = [rule for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
             for rule in group["rules"]]  # fmt: skip
    table = pages.rows(pages.section(ROOT / "docs/deployment/monitoring.md", "## Alerts"))
    assert [row[0].strip("`") for row in table] == [rule["alert"] for rule in rules]
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}


def test_page_of_debian_encodes_a_password():
    assert run(shell_blocks("docs/deployment/debian.md", NAME)) == "p%40ss%2Fw%23rd\n"


def test_page_of_debian_starts_a_worker_of_every_queue():
    text = (ROOT / "docs/deployment/debian.md").read_text()
    assert set(re.findall(r"countersign-worker@(\w+)", text)) == set(QUEUES)


def test_units_give_their_processes_time_to_stop():
    seconds = {
        name: int(re.search(r"^TimeoutStopSec=(\d+)$", unit(name), re.MULTILINE)[1]) for name in ("web", "worker")
    }
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    expected = {"web": services["web"], "worker": services["worker-push"]}
    assert {name: f"{number}s" for name, number in seconds.items()} == {
        name: service["stop_grace_period"] for name, service in expected.items()
    }


def test_units_run_commands_with_known_options():
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    lines = [re.search(r"^ExecStart=.*? manage\.py (.*)$", path.read_text(), re.MULTILINE)[1] for path in units]
    for line in [line.replace("%i", "push") for line in lines]:
        command, *arguments = line.split()
        # Raises CommandError for an unknown option.
        load_command_class(get_commands()[command], command).create_parser("manage.py", command).parse_args(arguments)
    assert [line.split()[0] for line in lines] == ["purge", "verify_audit_log", "serve", "worker"]


def test_jobs_of_the_chart_run_commands_with_known_options():
    values = yaml.safe_load((DEPLOY / "helm/countersign/values.yaml").read_text())
    for name, command in (("purge", "purge"), ("auditLogVerification", "verify_audit_log")):
        parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
        parser.parse_args(values[name]["arguments"])


def test_page_of_debian_enables_every_timer():
    text = (ROOT / "docs/deployment/debian.md").read_text()
    timers = {path.name for path in (DEPLOY / "systemd").glob("*.timer")}
    assert timers == set(re.findall(r"countersign-[a-z-]+\.timer", text.split("systemctl enable --now")[1]))


def test_ingress_of_the_chart_exposes_the_apis_and_the_console_only():
    template = (DEPLOY / "helm/countersign/templates/network.yaml").read_text()
    exposed = set(re.findall(r'"/([a-z.-]+)"', re.search(r"range \$path := list (.*) }}", template)[1]))
    roots = {str(pattern.pattern).partition("/")[0] for pattern in get_resolver().url_patterns} - {""}
    assert roots - {"demo", "healthz", "readyz", "metrics"} <= exposed
    assert not exposed & {"demo", "healthz", "readyz", "metrics"}


def unit(name):
    return (DEPLOY / f"systemd/countersign-{name}@.service").read_text()


def test_log_files_are_rotated_while_a_process_has_them_open(tmp_path):
    program = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if not program:
        pytest.skip("logrotate is not installed")
    log = tmp_path / "web.log"
    text = (DEPLOY / "logrotate/countersign").read_text().replace("/var/log/countersign", str(tmp_path))
    # The user of the production does not exist here.
    (tmp_path / "configuration").write_text(re.sub(r".* su .*\n", "", text))
    with log.open("a") as process:
        process.write("first\n")
        process.flush()
        tmp_path.chmod(0o755)
        run(f"{program} --force --state {tmp_path}/state {tmp_path}/configuration")
        process.write("second\n")
    assert log.read_text() == "second\n"
    assert (tmp_path / "web.log.1").read_text() == "first\n"
