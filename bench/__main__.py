"""The command: start, enrol, drive, report, end. Every step has a limit, and so has the whole."""

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

# Whatever happens, the bench ends.
LIMIT_SECONDS = 240
QUICK_SECONDS = 3.0
MAX_PORTALS = 128
ALONE_SECONDS = 30


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
    parser.add_argument("--provider-ms", type=int, default=100, help="answer time of the push service in the burst")
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
    """Run everything once and return the result as data."""
    machine = report.machine()
    say(f"starting {options.backend}, migrating, serving")
    with product.running(directory, options.backend, options.web_workers) as setting:
        assert setting.arrivals
        portal, arrivals = clients.Portal(setting), clients.Arrivals(setting.arrivals)
        say("enrolling phones")
        users = [clients.enrolled(setting, portal, number) for number in range(max(options.portals))]
        bench = load.Bench(setting, portal, arrivals, users)
        bench.logins(min(8, len(users)), 1.0)
        outcomes = []
        for portals in options.portals:
            say(f"logins: {portals} portals at once for {options.seconds:.0f} s")
            outcomes.append(report.level(bench.logins(portals, options.seconds)))
        say(f"starts only, for {options.seconds:.0f} s, then until all pushes are out")
        burst = report.burst(bench.burst(options.seconds, options.provider_ms))
        say(f"pushes: {options.pushes} in the queue of one worker process, to Apple's and Google's stand-ins")
        drained = [report.drain(outcome) for outcome in pushes.drains(setting, options.pushes)]
        say(f"callbacks: {options.callbacks} in the queue of one worker process, to one portal and to 20")
        called = callbacks.measure(setting, options.callbacks)
        say("messages: sealed and opened, beside gpg")
        messages = alone(setting, "sealing")
        say("context: where a request comes from, from a file, and a start with it beside one without it")
        user = users[0]
        who = {"client_secret": setting.client_secret, "user_id": user.user_id, "device_id": user.phone.device_id}
        context = alone(setting, "context", json.dumps(who))
        say("slow clients: 2,000 that send slowly and 2,000 that are silent")
        beside_slow_clients = slow_clients.measure(setting.url)
        memory = report.processes(accounting.memory(setting.pids))
    return {
        "machine": machine,
        "options": {
            "backend": options.backend,
            "web_workers": options.web_workers,
            "seconds": options.seconds,
            "portals": options.portals,
        },
        "levels": outcomes,
        "burst": burst,
        "pushes": drained,
        "callbacks": report.callbacks(called) if called else {},
        "sealing": messages,
        "context": context,
        "slow_clients": beside_slow_clients,
        "memory": memory,
    }


def alone(setting: product.Setting, module: str, told: str = "") -> dict[str, Any]:
    """Measure something in a process of its own with the product's settings, while nobody signs in."""
    found = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", "--json"],
        cwd=product.ROOT,
        env=setting.environment,
        input=told.encode(),
        stdout=subprocess.PIPE,
        timeout=ALONE_SECONDS,
        check=True,
    )
    costs: dict[str, Any] = json.loads(found.stdout)
    return costs


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(f"bench: ended by {signal.Signals(number).name}")


def main() -> None:
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, stop)
    signal.alarm(LIMIT_SECONDS)
    directory = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    # The database server may run as another user, who has to get through to its files.
    directory.chmod(0o755)
    # Registered before the servers' own end, and so run after it: they need their files until then.
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
