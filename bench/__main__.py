"""Command line of the bench. Each step and the whole run have a time limit."""

import argparse
import atexit
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from bench import accounting, callbacks, clients, load, product, pushes, report, slow_clients

# Time limit of the whole run.
TIMEOUT_SECONDS = 240
QUICK_SECONDS = 3.0
MAX_PORTALS = 128
MODULE_TIMEOUT_SECONDS = 30


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure whole logins through Countersign's own processes on this machine."
    )
    parser.add_argument(
        "--portals", type=levels, default=[1, 8, 32], help="portals at once, one level each (default: 1,8,32)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a level, at most 30 (default: 10)")
    parser.add_argument("--quick", action="store_true", help=f"levels of {QUICK_SECONDS:.0f} s")
    parser.add_argument("--backend", choices=product.BACKENDS, default="postgres", help="default: postgres, with Redis")
    parser.add_argument("--web-workers", type=int, default=1, help="web processes (default: 1, as the server's own)")
    parser.add_argument("--pushes", type=int, default=5000, help="pushes in the worker's queue (default: 5000)")
    parser.add_argument("--callbacks", type=int, default=1000, help="callbacks in the worker's queue (default: 1000)")
    parser.add_argument("--provider-ms", type=int, default=100, help="response time of the push service in the burst")
    parser.add_argument("--format", choices=["table", "json"], default="table", help="what is printed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE as JSON")
    options = parser.parse_args(arguments)
    options.seconds = QUICK_SECONDS if options.quick else min(options.seconds, 30.0)
    return options


def levels(text: str) -> list[int]:
    """Parse `--portals`: numbers from 1 to 128, separated by commas."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= number <= MAX_PORTALS for number in numbers):
        raise argparse.ArgumentTypeError(f"numbers from 1 to {MAX_PORTALS}, separated by commas")
    return numbers


def measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Run all measurements once and return the results."""
    machine = report.machine()
    log(f"starting {options.backend}, migrating, serving")
    with product.running(directory, options.backend, options.web_workers) as installation:
        assert installation.arrivals
        portal, arrivals = clients.Portal(installation), clients.Arrivals(installation.arrivals)
        log("enrolling phones")
        users = [clients.enroll_user(installation, portal, number) for number in range(max(options.portals))]
        bench = load.Bench(installation, portal, arrivals, users)
        bench.logins(min(8, len(users)), 1.0)
        level_results = []
        for portals in options.portals:
            log(f"logins: {portals} portals at once for {options.seconds:.0f} s")
            level_results.append(report.level(bench.logins(portals, options.seconds)))
        log(f"starts only, for {options.seconds:.0f} s, then until all pushes are out")
        burst = report.burst(bench.burst(options.seconds, options.provider_ms))
        log(f"pushes: {options.pushes} in the queue of one worker process, to Apple's and Google's fakes")
        push_results = [report.drain(outcome) for outcome in pushes.drains(installation, options.pushes)]
        log(f"callbacks: {options.callbacks} in the queue of one worker process, to one portal and to 20")
        callback_results = callbacks.measure(installation, options.callbacks)
        log("messages: seal and open, compared with gpg")
        sealing_result = run_module(installation, "sealing")
        log("context: one request context from a location database, and E3 with and without it")
        user = users[0]
        context_arguments = {
            "client_secret": installation.client_secret,
            "user_id": user.user_id,
            "device_id": user.phone.device_id,
        }
        context_result = run_module(installation, "context", json.dumps(context_arguments))
        log("slow clients: 2,000 that send slowly and 2,000 that are silent")
        slow_client_result = slow_clients.measure(installation.url)
        memory_result = report.processes(accounting.memory(installation.pids))
    return {
        "machine": machine,
        "options": {
            "backend": options.backend,
            "web_workers": options.web_workers,
            "seconds": options.seconds,
            "portals": options.portals,
        },
        "levels": level_results,
        "burst": burst,
        "pushes": push_results,
        "callbacks": report.callbacks(callback_results) if callback_results else {},
        "sealing": sealing_result,
        "context": context_result,
        "slow_clients": slow_client_result,
        "memory": memory_result,
    }


def run_module(installation: product.Installation, module: str, stdin: str = "") -> dict[str, Any]:
    """Run a module of the bench in a separate process with the settings of the installation, without other load."""
    process = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", "--json"],
        cwd=product.ROOT,
        env=installation.environment,
        input=stdin.encode(),
        stdout=subprocess.PIPE,
        timeout=MODULE_TIMEOUT_SECONDS,
        check=True,
    )
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def log(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(f"bench: ended by {signal.Signals(number).name}")


def main() -> None:
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, stop)
    signal.alarm(TIMEOUT_SECONDS)
    directory = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    # The database server can run as another user, who needs access to its files.
    directory.chmod(0o755)
    # Registered before the termination of the servers, so that it runs after it.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    try:
        result = measure(options, directory)
    except product.NotRunning as error:
        sys.exit(f"bench: {error}")
    text = json.dumps(result, indent=2)
    print(text if options.format == "json" else report.table(result))
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
