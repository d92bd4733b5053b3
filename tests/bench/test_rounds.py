from types import SimpleNamespace

from bench import rounds, table
from bench.rounds import OTHER, THIS, Result, Step


class Connection:
    def execute(self, query):
        pass


def session(name, log, is_own=True):
    installation = SimpleNamespace(
        is_own=is_own, pause=lambda: log.append(f"pause {name}"), resume=lambda: log.append(f"resume {name}")
    )
    return SimpleNamespace(installation=installation, connection=Connection())


def run(measure, **members):
    log = []
    sessions = {THIS: session("this", log), OTHER: session("other", log, is_own=False)}
    step = Step("login", "Logins", measure, is_job=True, **members)
    options = SimpleNamespace(rounds=2, time_limit=60)
    return rounds.run(step, sessions, options, lambda _text: None), log


def result_of(values):
    result = Result(Step("login", "Logins", lambda *_arguments: {}, is_job=True))
    for label, figures in values.items():
        for value in figures:
            result.add(label, {"p50 ms": value})
    return result


def test_rounds_alternate_and_the_idle_installation_is_paused():
    _result, log = run(lambda _session, _options: {})
    assert log == ["pause other", "resume this", "pause this", "resume other"] * 2


def test_error_is_a_row_and_ends_only_its_step():
    def fail(_session, _options):
        raise ValueError("no push arrived")

    result, _log = run(fail)
    text = table.render([result, result_of({THIS: [1.0]})], "Heading", markdown=False)
    assert "error: ValueError: no push arrived" in text
    assert "1.00" in text


def test_step_from_the_inside_measures_only_this_checkout():
    result, _log = run(lambda _session, _options: {"ms": 1.0}, own_only=True)
    assert list(result.values) == [THIS]


def test_ratio_is_of_the_medians():
    result = result_of({THIS: [1.0, 9.0, 2.0], OTHER: [4.0, 4.0, 5.0]})
    assert result.ratio("p50 ms") == 0.5
    assert result.ratio("unknown") is None


def test_tables_contain_median_spread_and_ratio():
    result = result_of({THIS: [1.0, 9.0, 2.0], OTHER: [4.0, 4.0, 5.0]})
    markdown = table.render([result], "Heading", markdown=True)
    assert "| login | 2.00 (1.00..9.00) |" in markdown
    assert "|   ratio | 0.50 |" in markdown
