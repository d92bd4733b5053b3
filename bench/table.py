"""Tables of figures, as text or as Markdown."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.rounds import OTHER, THIS, Result

LATENCY = ("jobs/s", "p50 ms", "p95 ms", "p99 ms")
CPU = ("CPU web", "CPU worker", "CPU PostgreSQL", "CPU Redis", "CPU sum")
DATABASE = ("statements", "transaction control", "commits", "rows", "WAL flushes", "WAL kB")
HOT = {
    "all": "HOT %",
    "transactions": "HOT % transactions_transaction",
    "pushes": "HOT % transactions_pushdelivery",
    "SMS": "HOT % transactions_smsdelivery",
    "callbacks": "HOT % callbacks_callbackdelivery",
}


@dataclass(frozen=True)
class Table:
    """Table with a title. The first cell of each row is its name."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_text(self) -> str:
        widths = [max(len(row[column]) for row in (self.header, *self._full)) for column in range(len(self.header))]
        lines = [self._line(row, widths) for row in (self.header, *self.rows)]
        return "\n".join([self.title, *lines])

    def as_markdown(self) -> str:
        head = ["| " + " | ".join(self.header) + " |", "|" + " --- |" * len(self.header)]
        return "\n".join([f"**{self.title}**", "", *head, *("| " + " | ".join(row) + " |" for row in self.rows)])

    @property
    def _full(self) -> list[Sequence[str]]:
        """Rows with a cell in every column; a row with an error is shorter."""
        return [row for row in self.rows if len(row) == len(self.header)]

    @staticmethod
    def _line(row: Sequence[str], widths: Sequence[int]) -> str:
        cells = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=False)]
        return "  ".join([f"{row[0]:<{widths[0]}}", *cells, *row[len(widths) :]]).rstrip()


def tables(results: Sequence[Result]) -> list[Table]:
    """Return the tables of all jobs, then a table for each other step. Steps with lines have none."""
    jobs = [result for result in results if result.step.is_job]
    others = [result for result in results if not result.step.is_job and (result.error or not result.step.lines)]
    return [*(_job_tables(jobs) if jobs else []), *map(_step_table, others)]


def _job_tables(results: Sequence[Result]) -> list[Table]:
    groups = {
        "Jobs: rate and latency": {name: name for name in LATENCY},
        "Jobs: CPU, ms per job": {name.removeprefix("CPU "): name for name in CPU},
        "Jobs: database, per job": {name: name for name in DATABASE},
        "Jobs: HOT updates, % of the updates": HOT,
    }
    measured = {name for result in results for figures in result.values.values() for name in figures}
    # A quick run does not measure all figures.
    shown = {title: {head: name for head, name in each.items() if name in measured} for title, each in groups.items()}
    first, *further = shown
    return [_job_table(title, shown[title], results) for title in (first, *(each for each in further if shown[each]))]


def _job_table(title: str, columns: dict[str, str], results: Sequence[Result]) -> Table:
    rows: list[list[str]] = []
    for result in results:
        name = result.step.name
        if not result.values.get(THIS) or result.error:
            rows.append([name, _error(result)])
            continue
        rows.append([name, *(_cell(result, THIS, figure) for figure in columns.values())])
        if OTHER in result.values:
            rows.append(["  other", *(_cell(result, OTHER, figure) for figure in columns.values())])
            rows.append(["  ratio", *(_ratio(result, figure) for figure in columns.values())])
    return Table(title, ["", *columns], rows)


def _step_table(result: Result) -> Table:
    labels = [label for label in (THIS, OTHER) if label in result.values]
    header = ["", *labels, *(["ratio"] if OTHER in labels else [])]
    rows = [
        [
            figure,
            *(_cell(result, label, figure) for label in labels),
            *([_ratio(result, figure)] if OTHER in labels else []),
        ]
        for figure in result.values.get(THIS, {})
    ]
    if result.error:
        rows.append([result.step.name, _error(result)])
    return Table(f"{result.step.name}: {result.step.title}", header, rows)


def _error(result: Result) -> str:
    return "error: " + (result.error.splitlines() or ["no result"])[0][:300]


def _cell(result: Result, label: str, name: str) -> str:
    values = result.values.get(label, {}).get(name)
    if not values:
        return "-"
    median = number(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({number(min(values))}..{number(max(values))})"


def _ratio(result: Result, name: str) -> str:
    ratio = result.ratio(name)
    return "-" if ratio is None else f"{ratio:.2f}"


def number(value: float) -> str:
    """Format a figure with about three digits."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def lines(result: Result, *, markdown: bool) -> Iterator[str]:
    """Yield the lines of a step that formats its own result, for each installation."""
    if not result.step.lines or result.error:
        return
    for label, details in result.details.items():
        text = "\n".join([f"{result.step.name}: {result.step.title} ({label})", *result.step.lines(details)])
        yield f"```\n{text}\n```" if markdown else text


def render(results: Sequence[Result], heading: str, *, markdown: bool) -> str:
    """Return all tables as text."""
    form: Callable[[Table], str] = Table.as_markdown if markdown else Table.as_text
    texts = [text for result in results for text in lines(result, markdown=markdown)]
    return "\n\n".join([heading, *map(form, tables(results)), *texts])
