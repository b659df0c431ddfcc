import re
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

import jobs
from jobs.cli.main import main
from jobs.cli.parser import build_parser
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_keys
from jobs.preference import preference_kinds
from jobs.scenarios import load_scenario, shipped_scenarios

FEED = "simulated_feed"
FIRST = date(2026, 1, 1)
DAYS = 10
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")
Capture = pytest.CaptureFixture[str]


def run(arguments: list[str]) -> int:
    """Exit code of a command, whether it returns or its parser exits."""
    try:
        return main(arguments)
    except SystemExit as stopped:
        return int(stopped.code or 0)


def refusal(capsys: Capture, *arguments: str) -> str:
    """The one line of a command that is refused; it must print nothing else."""
    assert run(list(arguments)) == 2
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if not LOG_LINE.match(line)]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert output.out == ""
    return lines[0].removeprefix("error: ")


def publish(lake: Lake, table: str, day: date) -> None:
    of_ranker = table in ("checkpoints", "snapshots")
    keys = ranker_keys(load_scenario(FEED)) if of_ranker else ()
    partition = Partition(table, FEED, day, keys)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
        attempt.publish(partition, inputs={})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for everything that a command writes or looks for."""
    for name in ("LIS_LAKE", "LIS_RAW", "LIS_DIE_WITH_PARENT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def trained(home: Path) -> Lake:
    """A lineage of ten days: rankers of January 1 to 11, snapshots too."""
    lake = Lake(str(home / "lake"))
    for offset in range(DAYS + 1):
        day = FIRST + timedelta(days=offset)
        publish(lake, "checkpoints", day)
        publish(lake, "snapshots", day)
        if offset < DAYS:
            publish(lake, "impressions", day)
    return lake


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["train", "--scenario", "simulated_fed"], "did you mean 'simulated_feed'?"),
        (["train", "--scenario", "gone.yaml"], "scenario file gone.yaml does not exist"),
        (["train", "--scenario", "x" * 5_000], "unknown scenario 'xxx"),
        (["train", "--scenario", "caf\udce9.yaml"], "'caf\\udce9.yaml' is not text in UTF-8"),
        (["train", "--scenario", FEED, "--until", "0001-01-01"], "days are from 1900-01-01 to"),
        (["lis", "--scenario", FEED, "--as-of", "9999-12-31"], "days are from 1900-01-01 to"),
        (
            ["lis", "--scenario", FEED, "--as-of", "2026-01-05", "--horizons", "9" * 5_000],
            "is not a number of days from 0 to 3,650",
        ),
        (["simulate", "--scenario", FEED, "--days", "9" * 5_000], "is not a whole number"),
        (["simulate", "--scenario", FEED, "--days", "2", "--seed", "9" * 5_000], "whole number"),
        (["simulate", "--scenario", FEED, "--days", "2", "--out", "x" * 300], "File name too long"),
        (["rebuild", "x" * 5_000, "--scenario", FEED], "xxx"),
        (["ingest", "--scenario", "movietweetings", "--raw", "s3://"], "it names no bucket"),
        (["train", "--scenario", FEED], "has no impressions: run lis ingest"),
        (["ingest", "--scenario", "movietweetings", "--raw", "/gone"], "no log at /gone"),
        (["ingest", "--scenario", "movietweetings"], "raw/movietweetings"),
        (
            ["ingest", "--scenario", FEED, "--start", "2026-01-02", "--end", "2026-01-01"],
            "the range 2026-01-02 to 2026-01-01 ends before it begins",
        ),
        (["simulate", "--scenario", "movietweetings", "--days", "3"], "is not simulated"),
        (
            ["simulate", "--scenario", FEED, "--days", "3", "--start", "2020-01-01"],
            "before the feed's first day",
        ),
        (["report", "--scenario", FEED, "--as-of", "2026-01-05"], "no LIS of scenario"),
        (
            ["report", "--scenario", FEED, "--as-of", "soon"],
            "'soon' is not a date: write YYYY-MM-DD",
        ),
        (["lis", "--scenario", FEED, "--as-of", "2026-01-05"], "has no lineage yet"),
        (["lis", "--scenario", FEED, "--as-of", "2026-02-30"], "'2026-02-30' is not a date"),
        (
            ["lis", "--scenario", FEED, "--as-of", "2026-01-05:2026-01-04"],
            "the range 2026-01-05 to 2026-01-04 ends before it begins: swap the dates",
        ),
        (
            ["lis", "--scenario", FEED, "--as-of", "2026-01-04:2026-01-05:2026-01-06"],
            "too many parts",
        ),
        (["lis", "--scenario", FEED, "--as-of", "2026-01-04:"], "is not a date"),
        (["stage", "score", "--scenario", FEED], "no evaluation day is given: add --as-of"),
        (
            [
                *["stage", "simulate", "--scenario", FEED],
                *["--start", "2026-01-02", "--end", "2026-01-01"],
            ],
            "the range 2026-01-02 to 2026-01-01 ends before it begins",
        ),
        (["stage", "train", "--scenario", FEED, "--until", "2026-01-05"], "nothing can be trained"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    capsys: Capture, arguments: list[str], line: str
) -> None:
    assert line in refusal(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "COMMAND"),
        (["trian"], "invalid choice: 'trian'"),
        (["train"], "required: --scenario"),
        (["train", "--scenario", FEED, "--untill", "2026-01-01", "--x"], "unrecognized arguments"),
        (["train", "--scenario", FEED, "--until", "1 January"], "'1 January' is not a date"),
        (["lis", "--scenario", FEED], "required: --as-of"),
        (["simulate", "--scenario", FEED, "--days", "0"], "'0' is not a whole number above 0"),
        (["simulate", "--scenario", FEED, "--days", "-3"], "'-3' is not a whole number above 0"),
        (["simulate", "--scenario", FEED, "--days", "²"], "'²' is not a whole number above 0"),
        (["preference"], "ACTION"),
        (["stage"], "STAGE"),
        (["stage", "dance", "--scenario", FEED], "invalid choice: 'dance'"),
        (["stage", "simulate", "--scenario", FEED], "required: --start, --end"),
        (["stage", "score", "--scenario", FEED, "--due", "soon"], "is not a horizon at a date"),
        (["report", "--scenario", FEED, "--as-of", "soon"], "argument --as-of: 'soon'"),
    ],
)
def test_an_argument_that_cannot_be_read_is_one_line_too(
    capsys: Capture, arguments: list[str], line: str
) -> None:
    message = refusal(capsys, *arguments)
    assert line in message
    assert "--help)" in message


@pytest.mark.parametrize("horizons", ["7,x", "7,7", "7,07", "", "7,", "1.5", "²", "seven"])
def test_malformed_horizons_are_refused(capsys: Capture, horizons: str) -> None:
    message = refusal(
        capsys, "lis", "--scenario", FEED, "--as-of", "2026-01-05", f"--horizons={horizons}"
    )
    assert f"{horizons!r}: write distinct days of leak, such as 7,30" in message


def test_a_misspelt_key_names_the_file_and_the_nearest_key(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"source": {"reader": "simulated"}, "horizon": [7]}))
    assert refusal(capsys, "train", "--scenario", str(path)) == (
        f"{path}: unknown key 'horizon'; did you mean 'horizons'?"
    )


def test_a_broken_log_is_named(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "impressions" / "ds=2026-01-01" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1")
    message = refusal(capsys, "ingest", "--scenario", FEED, "--raw", str(tmp_path))
    assert f"{path} is not a complete Parquet file (truncated?): copy it again" in message


def test_a_lake_that_cannot_be_opened_is_named(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIS_LAKE", "nope://lake")
    assert "cannot use 'nope://lake' as storage" in refusal(capsys, "train", "--scenario", FEED)


LIS = ("lis", "--scenario", FEED, "--as-of")


@pytest.mark.parametrize("preference", ["id_embeding", "id_embedding,id-embeding"])
def test_a_misspelt_preference_suggests_the_nearest_before_any_work(
    capsys: Capture, trained: Lake, preference: str
) -> None:
    message = refusal(capsys, *LIS, "2026-01-05", "--horizons", "1", "--preference", preference)
    assert "did you mean 'id_embedding'? available: " in message
    assert lake_tables(trained) == ["checkpoints", "impressions", "snapshots"]


def test_a_misspelt_preference_is_refused_by_the_stages_too(capsys: Capture, trained: Lake) -> None:
    for stage in ("assemble", "score"):
        options = ["--as-of", "2026-01-05", "--horizons", "1", "--preference", "clicks"]
        message = refusal(capsys, "stage", stage, "--scenario", FEED, *options)
        assert message.startswith("unknown preference data 'clicks': ")
        assert f"available: {', '.join(kind.name for kind in preference_kinds())}" in message


@pytest.mark.parametrize("modes", ["sawp", "swap,prob"])
def test_a_misspelt_mode_is_refused_before_any_work(
    capsys: Capture, trained: Lake, modes: str
) -> None:
    message = refusal(capsys, *LIS, "2026-01-05", "--horizons", "1", "--mode", modes)
    assert f"unknown mode {modes.split(',')[-1]!r}: available: swap, probe, retrain" in message
    assert lake_tables(trained) == ["checkpoints", "impressions", "snapshots"]


def test_a_kind_that_does_not_allow_the_mode_is_refused_before_any_work(
    capsys: Capture, trained: Lake
) -> None:
    options = ["--horizons", "1", "--preference", "id_embedding,next_click", "--mode", "swap"]
    message = refusal(capsys, *LIS, "2026-01-05", *options)
    assert (
        message
        == "preference data next_click cannot be scored in mode swap: it takes retrain, probe"
    )
    assert lake_tables(trained) == ["checkpoints", "impressions", "snapshots"]


@pytest.mark.parametrize(
    ("as_of", "horizons", "day", "awaited"),
    [
        ("2026-01-05", "7", "2026-01-12", "2026-01-11"),
        ("2026-01-05", "1,30", "2026-02-04", "2026-02-03"),
        ("2026-01-05:2026-01-06", "6", "2026-01-12", "2026-01-11"),
        ("2026-01-12", "0", "2026-01-12", "2026-01-11"),
    ],
)
def test_a_horizon_in_the_future_says_which_day_it_waits_for(
    capsys: Capture, trained: Lake, as_of: str, horizons: str, day: str, awaited: str
) -> None:
    message = refusal(capsys, *LIS, as_of, "--horizons", horizons)
    assert f"needs the ranker of {day}, but the lineage of {FEED} reaches 2026-01-11" in message
    assert f"--until {awaited}" in message


@pytest.mark.parametrize("as_of", ["2026-01-01", "2025-12-31", "2025-12-31:2026-01-03"])
def test_days_before_the_first_trained_ranker_are_refused(
    capsys: Capture, trained: Lake, as_of: str
) -> None:
    message = refusal(capsys, *LIS, as_of, "--horizons", "1")
    assert f"the lineage of {FEED} starts on 2026-01-01, and its first ranker is" in message


def test_a_day_without_impressions_is_refused(capsys: Capture, trained: Lake) -> None:
    message = refusal(capsys, *LIS, "2026-01-11", "--horizons", "0")
    assert f"scenario {FEED} has no impressions on 2026-01-11" in message


@pytest.mark.parametrize(
    ("as_of", "horizons"),
    [("9999-12-31", "7"), ("0001-01-01", "7"), ("2026-01-05", "9999999"), ("2026-01-05", "9" * 30)],
)
def test_dates_outside_the_calendar_are_refused(
    capsys: Capture, trained: Lake, as_of: str, horizons: str
) -> None:
    line = refusal(capsys, *LIS, as_of, "--horizons", horizons)
    assert re.search("days are from 1900-01-01 to|not a number of days from 0 to 3,650", line)


def test_preference_list_names_every_kind_with_its_modes(capsys: Capture) -> None:
    assert run(["preference", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [kind.name for kind in preference_kinds()]
    line_of = {line.split()[0]: line for line in lines}
    item = r"keyed by item +takes vector +modes swap, retrain, probe +\S"
    assert re.search(item, line_of["id_embedding"])
    impression = r"keyed by impression +takes items +modes retrain, probe +\S"
    assert re.search(impression, line_of["next_click"])


def test_help_shows_the_way_to_a_first_score(capsys: Capture) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    commands = re.findall(r"^  lis (\w+)", text, flags=re.MULTILINE)
    assert commands == ["simulate", "ingest", "train", "lis"]
    assert "LIS_LAKE" in text


@pytest.mark.parametrize("command", ["simulate", "ingest", "train", "lis", "report"])
def test_help_of_a_command_names_the_shipped_scenarios(capsys: Capture, command: str) -> None:
    assert run([command, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(name in text for name in shipped_scenarios())


def test_the_version_is_that_of_the_package(capsys: Capture) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"lis {jobs.__version__}\n"


def test_simulate_writes_the_days(tmp_path: Path) -> None:
    out = tmp_path / "feed"
    options = ["--days", "2", "--rows-per-day", "500", "--out", str(out)]
    assert run(["simulate", "--scenario", FEED, *options]) == 0
    assert len(list((out / "impressions").iterdir())) == 2


def lake_tables(lake: Lake) -> list[str]:
    root = Path(lake.storage.absolute(""))
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("_"))


def test_only_training_runs_in_several_processes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["report", "--scenario", "simulated_feed", "--as-of", "2026-01-31"]) == 2
    assert "2 processes of report" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "verbose"),
    [
        (["-v", "preference", "list"], True),
        (["preference", "list", "-v"], True),
        (["preference", "list"], False),
    ],
)
def test_verbose_counts_before_and_after_the_command(arguments: list[str], verbose: bool) -> None:
    assert build_parser().parse_args(arguments).verbose is verbose
