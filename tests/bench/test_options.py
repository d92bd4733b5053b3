import pytest

from bench import options

NAMES = ["e4", "list", "memory"]


def parse(*arguments):
    return options.parse(list(arguments), NAMES, ["list"])


def test_default_selection_is_all_jobs():
    selected = parse()
    assert (selected.only, selected.rounds, selected.jobs) == (tuple(NAMES), 3, 200)


def test_quick_run_is_short_and_can_be_changed():
    selected = parse("--quick", "--rounds", "4")
    assert (selected.only, selected.rounds, selected.jobs) == (("list",), 4, 60)


def test_quick_run_counts_rows_only_on_request():
    assert [parse(*each).counts for each in ([], ["--quick"], ["--quick", "--counts"])] == [True, False, True]


def test_devices_have_jose_keys_unless_selected_otherwise():
    assert [parse(*each).keys for each in ([], ["--keys", "openpgp"])] == ["jose", "openpgp"]


def test_only_keeps_its_order():
    assert parse("--only", "memory,e4").only == ("memory", "e4")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "e9"],
        ["--portals", "0"],
        ["--portals", "a"],
        ["--rounds", "0"],
        ["--against", "/nonexistent"],
        ["--keys", "x"],
    ],
)
def test_invalid_option_is_rejected(arguments, capsys):
    with pytest.raises(SystemExit):
        parse(*arguments)
    assert "error: argument" in capsys.readouterr().err
