"""Results of a run as data and as a table."""

import os
import platform
from collections import Counter
from dataclasses import asdict
from typing import Any

from bench.accounting import Memory
from bench.callbacks import Callbacks
from bench.load import Burst, Logins
from bench.pushes import Drain

MEGABYTE = 1024 * 1024


def percentile(values: list[float], percent: int) -> float:
    """Return a percentile of the values (nearest rank); 0 without values."""
    ranked = sorted(values)
    return ranked[max(-(-len(ranked) * percent // 100) - 1, 0)] if ranked else 0.0


def level(result: Logins) -> dict[str, Any]:
    return {
        "portals": result.portals,
        "logins": result.count,
        "logins_per_second": round(result.count / result.seconds, 1),
        "errors": dict(Counter(result.errors)),
        "latency_ms": {
            name: {f"p{percent}": round(percentile(spans, percent) * 1000, 1) for percent in (50, 95, 99)}
            for name, spans in result.spans.items()
        },
        "cpu_ms_per_login": rounded(result.cpu_ms),
    }


def burst(result: Burst) -> dict[str, Any]:
    return {
        "starts": result.starts,
        "starts_per_second": round(result.starts / result.seconds, 1),
        "errors": dict(Counter(result.errors)),
        "provider_delay_ms": result.delay_ms,
        "pushes": result.pushes,
        "pushes_per_second": round(result.pushes / max(result.drain_seconds, 0.001), 1),
        "all_pushed_after_seconds": round(result.drain_seconds, 2),
        "most_pushes_in_flight": result.most_in_flight,
        "cpu_ms_per_start": rounded(result.cpu_ms),
    }


def drain(result: Drain) -> dict[str, Any]:
    return {
        "provider": result.provider,
        "provider_delay_ms": result.delay_ms,
        "pushes": result.count,
        "pushes_per_second": round(result.count / max(result.seconds, 0.001)),
        "cpu_ms_per_push": rounded(result.cpu_ms),
    }


def callbacks(result: Callbacks) -> dict[str, Any]:
    fairness = result.fairness
    return {
        "drains": [
            {
                "portals": drain_result.portals,
                "portal_delay_ms": drain_result.delay_ms,
                "callbacks": drain_result.count,
                "callbacks_per_second": round(drain_result.count / max(drain_result.seconds, 0.001)),
                "cpu_ms_per_callback": rounded(drain_result.cpu_ms),
            }
            for drain_result in result.drains
        ],
        "well_portals_ms": {
            "alone": {f"p{percent}": round(seconds * 1000, 1) for percent, seconds in fairness.healthy.items()},
            "beside_a_hanging_and_a_dripping_one": {
                f"p{percent}": round(seconds * 1000, 1) for percent, seconds in fairness.beside_faulty.items()
            },
            "p99_ratio": round(fairness.beside_faulty[99] / max(fairness.healthy[99], 0.001), 2),
        },
    }


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


def processes(data: list[Memory]) -> list[dict[str, Any]]:
    return [
        {
            "role": entry["role"],
            "resident_mb": round(entry["resident"] / MEGABYTE, 1),
            "proportional_mb": round(entry["proportional"] / MEGABYTE, 1),
        }
        for entry in map(asdict, data)
    ]


def machine() -> dict[str, Any]:
    """Describe the machine. With a load average well above 0, the results are not reliable."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def table(result: dict[str, Any]) -> str:
    """Format a result as text."""
    options, levels, data = result["options"], result["levels"], result["machine"]
    lines = [
        f"Countersign on {options['backend']}, web processes: {options['web_workers']}",
        f"{data['cores']} cores, {data['machine']}, Python {data['python']}, load before: {data['load_average']}",
        "",
        row("portals at once", [str(entry["portals"]) for entry in levels], 26),
        row("logins", [str(entry["logins"]) for entry in levels], 26),
        row("logins a second", [str(entry["logins_per_second"]) for entry in levels], 26),
        row("errors", [str(sum(entry["errors"].values())) for entry in levels], 26),
        "",
        row("latency, ms", ["    p50     p95     p99" for _entry in levels], 26),
        *latency_rows(levels),
        "",
        "CPU, ms a login",
        *cpu_rows([entry["cpu_ms_per_login"] for entry in levels], 26),
        "",
        *burst_rows(result["burst"]),
        "",
        *drain_rows(result["pushes"]),
        *callback_rows(result["callbacks"]),
        *sealing_rows(result["sealing"]),
        "",
        *context_rows(result["context"]),
        "",
        *slow_client_rows(result["slow_clients"]),
        "",
        *memory_rows(result["memory"]),
    ]
    return "\n".join(lines)


def row(name: str, cells: list[str], width: int) -> str:
    return f"{name:<22}" + "".join(f"{cell:>{width}}" for cell in cells)


def latency_rows(levels: list[dict[str, Any]]) -> list[str]:
    names = levels[0]["latency_ms"] if levels else {}
    return [
        row(
            name,
            ["".join(f"{value:8.1f}" for value in entry["latency_ms"].get(name, {}).values()) for entry in levels],
            26,
        )
        for name in names
    ]


def cpu_rows(columns: list[dict[str, float]], width: int) -> list[str]:
    return (
        [row(f"  {role}", [f"{column[role]:.1f}" for column in columns], width) for role in columns[0]]
        if columns
        else []
    )


def burst_rows(data: dict[str, Any]) -> list[str]:
    return [
        f"Burst of starts (E3), the push service taking {data['provider_delay_ms']} ms",
        row("starts", [str(data["starts"])], 10),
        row("starts a second", [str(data["starts_per_second"])], 10),
        row("errors", [str(sum(data["errors"].values()))], 10),
        row("pushes a second", [str(data["pushes_per_second"])], 10),
        row("last push after, s", [str(data["all_pushed_after_seconds"])], 10),
        row("most in flight", [str(data["most_pushes_in_flight"])], 10),
        "CPU, ms a start with its push",
        *cpu_rows([data["cpu_ms_per_start"]], 10),
    ]


def drain_rows(data: list[dict[str, Any]]) -> list[str]:
    """Format the push throughput, one column for each provider and response time."""
    if not data:
        return []
    return [
        f"Pushes through one worker process, {data[0]['pushes']} waiting",
        row("", [f"{entry['provider']}, {entry['provider_delay_ms']} ms" for entry in data], 14),
        row("pushes a second", [str(entry["pushes_per_second"]) for entry in data], 14),
        "CPU, ms a push",
        *cpu_rows([entry["cpu_ms_per_push"] for entry in data], 14),
        "",
    ]


def callback_rows(data: dict[str, Any]) -> list[str]:
    """Format the callback throughput and the latency of healthy portals."""
    if not data:
        return []
    drains, latencies = data["drains"], data["well_portals_ms"]
    rows = {"all healthy": latencies["alone"], "two faulty": latencies["beside_a_hanging_and_a_dripping_one"]}
    return [
        f"Callbacks through one worker process, {drains[0]['callbacks']} waiting",
        row("portals", [str(entry["portals"]) for entry in drains], 14),
        row("portals respond after", [f"{entry['portal_delay_ms']} ms" for entry in drains], 14),
        row("callbacks a second", [str(entry["callbacks_per_second"]) for entry in drains], 14),
        "CPU, ms a callback",
        *cpu_rows([entry["cpu_ms_per_callback"] for entry in drains], 14),
        "",
        "From the answer to the stored callback, 18 healthy portals of 20, ms",
        row("", ["p50", "p95", "p99"], 14),
        *(row(f"  {name}", [f"{value:.1f}" for value in values.values()], 14) for name, values in rows.items()),
        f"  p99 beside a hanging and a dripping portal: {latencies['p99_ratio']} times as long",
        "",
    ]


def sealing_rows(data: dict[str, Any]) -> list[str]:
    """Format the cost of a message in Countersign and in gpg."""
    names, other = data["cpu_ms"], data["gpg_cpu_ms"]
    cells = {name: [f"{names[name]:.2f}", f"{other[name]:.1f}" if name in other else "-"] for name in names}
    return [
        "Messages with Curve25519 keys: CPU, ms each",
        row("", ["Countersign", "gpg"], 14),
        *(row(f"  {name}", pair, 14) for name, pair in cells.items()),
        f"  beside {data['gpg']}" if data["gpg"] else "  gpg is not installed or fails, and was not measured",
    ]


def memory_rows(data: list[dict[str, Any]]) -> list[str]:
    """Format the memory, one line per process; roles with many processes have one line."""
    lines = [row("Memory, MB", ["resident", "proportional"], 14)]
    for role, number in Counter(entry["role"] for entry in data).items():
        entries = [entry for entry in data if entry["role"] == role]
        if number > 4:
            resident = max(entry["resident_mb"] for entry in entries)
            cells = [f"max {resident:.1f}", f"{sum(entry['proportional_mb'] for entry in entries):.1f}"]
            lines.append(row(f"  {role} ({number})", cells, 14))
        else:
            lines += [row(f"  {role}", [f"{e['resident_mb']:.1f}", f"{e['proportional_mb']:.1f}"], 14) for e in entries]
    return lines


def context_rows(data: dict[str, Any]) -> list[str]:
    """Format the cost of the request context."""
    ratio = data["start_with_context_ms"] / data["start_ms"]
    return [
        "Context in the secure message, ms",
        row("  the step alone", [f"{data['step_ms']:.3f}"], 14),
        row("  a start without it", [f"{data['start_ms']:.2f}"], 14),
        row("  a start with it", [f"{data['start_with_context_ms']:.2f}", f"{ratio:.3f} times"], 14),
    ]


def slow_client_rows(data: dict[str, Any]) -> list[str]:
    """Format the effect of slow and silent clients on others."""
    ratio = data["attacked_ms"] / data["usual_ms"]
    return [
        "A health check, ms",
        row("  alone", [f"{data['usual_ms']:.2f}"], 14),
        row(f"  beside {data['connections']} slow clients", [f"{data['attacked_ms']:.2f}", f"{ratio:.2f} times"], 14),
    ]
