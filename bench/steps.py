"""All steps of the bench: the jobs, then the special jobs."""

from bench import growth
from bench.jobs import base, written_rows
from bench.jobs.registry import JOBS
from bench.rounds import Step
from bench.special import burst, callbacks, held_snapshot, logins, modules, pushes


def job_step(kind: type[base.Job]) -> Step:
    job = kind()
    return Step(
        job.name,
        job.title,
        measure=lambda session, options: base.measure(job, session, options.jobs),
        finish=lambda session, options: written_rows.measure(job, session, options.jobs) if options.counts else {},
        is_job=True,
    )


SPECIAL = (
    Step("latency", "whole logins by number of concurrent portals", logins.latency),
    Step("burst", "starts (E3) with a fast and a slow push provider", burst.measure),
    Step("push-drain", "pushes through one worker process, from a full queue", pushes.measure),
    Step("callback-drain", "callbacks through one worker process, from a full queue", callbacks.drains),
    Step("dead-endpoint", "callbacks to 19 portals beside one that does not respond", callbacks.dead_endpoint),
    Step("held-snapshot", "most expensive query for due rows, with a held snapshot", held_snapshot.measure),
    Step("scaling", "logins with 1, 2 and 4 web processes and workers", logins.scaling, runs_once=True),
    Step("slow-clients", "health check beside slow clients", modules.slow),
    Step("sealing", "sealed messages, CPU ms each", modules.sealing, runs_once=True, own_only=True),
    Step("context", "request context in the secure message", modules.context, runs_once=True, own_only=True),
    Step(
        "growth",
        "a thousand and a million old transactions, and the purge",
        lambda _session, _options: growth.measure(),
        runs_once=True,
        own_only=True,
        lines=growth.rows,
        min_time_limit=1800,
    ),
    Step("memory", "proportional memory (PSS), MB, with two web processes", logins.memory, runs_once=True),
)
STEPS = {step.name: step for step in (*map(job_step, JOBS), *SPECIAL)}
# Steps of a short run.
QUICK = [*(name for name, step in STEPS.items() if step.is_job), "dead-endpoint"]
