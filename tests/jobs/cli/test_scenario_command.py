"""``lis scenario new`` and ``check``: from a file to a scenario that reads it right."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from jobs.cli.main import main
from jobs.cli.shown_profile import profile_text
from jobs.scenarios import load_scenario
from jobs.sources.profile.log_profile import profile_log

ROWS, DAYS = 400, 20
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: for the log, and for the scenario."""
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    for name in ("LIS_RAW", "LIS_LAKE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(**changes: Any) -> pd.DataFrame:
    """A log of 20 days; columns are added or replaced."""
    draw = np.random.default_rng(3)
    seconds = np.arange(ROWS) * DAYS * 86_400 // ROWS
    columns = {
        "uid": draw.integers(1, 40, ROWS),
        "iid": draw.integers(1, 90, ROWS),
        "event_time": [FIRST + timedelta(seconds=int(second)) for second in seconds],
        "clicked": draw.integers(0, 2, ROWS),
        "device": draw.choice(["phone", "desktop"], ROWS),
        "watch_seconds": draw.integers(0, 500, ROWS),
    }
    return pd.DataFrame({**columns, **changes})


def times(unit: str = "", format_: str = "") -> list[Any]:
    found = frame()["event_time"]
    if format_:
        return list(found.dt.strftime(format_))
    return list(found.astype("int64") // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit])


def run(*arguments: str) -> int:
    try:
        return main(list(arguments))
    except SystemExit as stopped:
        return int(stopped.code or 0)


def refusal(capsys: Capture, *arguments: str) -> str:
    assert run(*arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line[2:3] != ":"]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def csv(path: str, **options: Any) -> Callable[[pd.DataFrame], str]:
    def write(rows: pd.DataFrame) -> str:
        rows.to_csv(path, index=False, **options)
        return path

    return write


def parquet(rows: pd.DataFrame) -> str:
    rows.to_parquet("log.parquet")
    return "log.parquet"


def by_day(rows: pd.DataFrame) -> str:
    for day, part in rows.groupby(rows["event_time"].dt.date):
        path = Path(f"logs/ds={day}")
        path.mkdir(parents=True)
        part.to_parquet(path / "part-0.parquet")
    # A part without rows, as Spark writes them, is skipped.
    rows[:0].to_parquet("logs/ds=2026-01-01/part-.parquet")
    return "logs"


def hive(rows: pd.DataFrame) -> str:
    Path("000000_0").write_text(rows.to_csv(index=False, header=False, sep="\x01"))
    return "000000_0"


def movielens(rows: pd.DataFrame) -> str:
    columns = ["uid", "iid", "rating", "ts"]
    lines = ["::".join(map(str, row)) for row in rows[columns].itertuples(index=False)]
    Path("ratings.dat").write_text("\n".join(lines))
    return "ratings.dat"


def zipped(rows: pd.DataFrame) -> str:
    with gzip.open("log.csv.gz", "wt") as stream:
        rows.to_csv(stream, index=False)
    return "log.csv.gz"


CASES: dict[str, tuple[Callable[[pd.DataFrame], str], dict[str, Any], str, dict[str, Any]]] = {
    "csv": (csv("log.csv"), {}, "", {"ids": "int64", "ts_unit": "timestamp"}),
    "blanks in the name": (csv("my log.csv"), {}, "", {"path": "my log.csv"}),
    "semicolons": (
        csv("log.csv", sep=";", decimal=","),
        {"event_time": times("s")},
        "",
        {"ts_unit": "s", "format": {"kind": "csv", "delimiter": ";"}},
    ),
    "latin-1": (
        csv("log.csv", encoding="latin-1"),
        {"device": ["Gerät", "phone"] * (ROWS // 2)},
        "",
        {"format": {"kind": "csv", "delimiter": ",", "encoding": "latin-1"}},
    ),
    "day first": (
        csv("log.csv"),
        {"event_time": times(format_="%d.%m.%Y %H:%M")},
        "",
        {"ts_format": "%d.%m.%Y %H:%M"},
    ),
    "milliseconds": (parquet, {"event_time": times("ms")}, "", {"ts_unit": "ms"}),
    "ids of text": (
        parquet,
        {"iid": [f"item {number}" for number in frame()["iid"]]},
        "",
        {"ids": "string"},
    ),
    "ids beside a null": (
        parquet,
        {"uid": [None, *map(float, frame()["uid"][1:])]},
        "",
        {"ids": "int64"},
    ),
    "stars": (
        parquet,
        {"clicked": frame()["watch_seconds"] % 5 + 1},
        "label=clicked",
        {"label": {"at_least": 4.0}},
    ),
    "events": (
        zipped,
        {"clicked": ["view", "click", "view", "buy"] * (ROWS // 4)},
        "",
        {"label": {"equals": "click"}},
    ),
    "plus and minus": (
        parquet,
        {"clicked": [-1, 1, -1, -1] * (ROWS // 4)},
        "",
        {"label": {"at_least": 1.0}},
    ),
    "true and false": (parquet, {"clicked": [True, False] * (ROWS // 2)}, "", {}),
    "a path for each day": (by_day, {}, "", {"path": "ds={ds}"}),
    "lists and floats": (
        parquet,
        {"tags": [["a"], ["b"]] * (ROWS // 2), "event_time": np.array(times("s"), float) + 0.5},
        "",
        {"ts_unit": "s"},
    ),
    "Hive's text": (
        hive,
        {},
        "user_id=0,item_id=1,ts=2,label=3",
        {"format": {"kind": "csv", "delimiter": "\x01", "header": False}},
    ),
    "no header": (
        movielens,
        {"rating": frame()["watch_seconds"] % 5 + 1, "ts": times("s")},
        "user_id=0,item_id=1,label=2,ts=3",
        {"format": {"kind": "csv", "delimiter": "::", "header": False}, "ts_unit": "s"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_reads_the_log(case: str, capsys: Capture) -> None:
    write, changes, given, expected = CASES[case]
    log = write(frame(**changes))
    named = ["--column", given] if given else []
    assert run("scenario", "new", log, "--out", "my_feed.yaml", *named) == 0
    source = yaml.safe_load(Path("my_feed.yaml").read_text())["source"]
    assert {key: source[key] for key in expected} == expected
    if not given:
        columns = {"user_id": "uid", "item_id": "iid", "ts": "event_time", "label": "clicked"}
        assert source["columns"] == columns
    assert load_scenario("my_feed.yaml").horizons == (3, 7)
    printed = capsys.readouterr().out
    assert "lis scenario check my_feed.yaml" in printed
    assert run("scenario", "check", "my_feed.yaml") == 0
    found = capsys.readouterr().out
    assert "days: 2026-01-01 to 2026-01-20 (20)" in found
    assert "lis ingest --scenario my_feed.yaml\n" in found


def test_every_guess_is_marked_and_other_columns_are_named(folder: Path) -> None:
    log = csv("Our log.csv")(frame())
    assert run("scenario", "new", log, "--column", "user_id=uid") == 0
    lines = Path("our_log.yaml").read_text().splitlines()
    line_of = {line.split(":")[0].strip(): line for line in lines}
    assert "as given" in line_of["user_id"]
    for role in ("item_id", "ts", "label"):
        assert "GUESS" in line_of[role]
    assert "device" in line_of["# context"]
    assert any(line.startswith("# Not used: watch_seconds") for line in lines)
    assert load_scenario("our_log.yaml").context == ("hour",)


@pytest.mark.parametrize(
    ("changes", "arguments", "reason"),
    [
        ({"event_time": ["03/04/2026"] * ROWS}, [], "--ts-format '%d/%m/%Y' or '%m/%d/%Y'"),
        ({"clicked": ["a"] * ROWS}, [], "no column looks like the label; it has uid, iid"),
        ({}, ["--column", "label=cliked"], "has no such column; it has uid, iid"),
        ({}, ["--column", "who=uid"], "'who=uid' is not ROLE=COLUMN"),
        ({}, ["--out", "feed.json"], "ends with .yaml"),
        ({}, ["--out", "gone/feed.yaml"], "there is no folder gone"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(
    capsys: Capture, folder: Path, changes: dict[str, Any], arguments: list[str], reason: str
) -> None:
    log = csv("log.csv")(frame(**changes))
    assert reason in refusal(capsys, "scenario", "new", log, *arguments)
    assert not list(folder.glob("*.yaml"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "has no rows"), ("user,item,time,label\n", "no rows"), ("words\nwithout\n", "1 columns")],
)
def test_a_file_that_is_no_log_is_refused(capsys: Capture, content: str, reason: str) -> None:
    Path("log.csv").write_text(content)
    assert reason in refusal(capsys, "scenario", "new", "log.csv")


def test_a_missing_log_is_refused(capsys: Capture) -> None:
    assert "no log at " in refusal(capsys, "scenario", "new", "gone.csv")


def test_a_scenario_is_replaced_only_by_force(capsys: Capture) -> None:
    log = csv("log.csv")(frame())
    Path("log.yaml").write_text("mine")
    assert "log.yaml exists" in refusal(capsys, "scenario", "new", log)
    assert Path("log.yaml").read_text() == "mine"
    assert run("scenario", "new", log, "--force") == 0
    assert load_scenario("log.yaml").name == "log"


def scenario_of(rows: pd.DataFrame, **source: Any) -> str:
    rows.to_csv("log.csv", index=False)
    columns = {"user_id": "uid", "item_id": "iid", "ts": "event_time", "label": "clicked"}
    content = {"source": {"path": "log.csv", "format": {"kind": "csv"}, "columns": columns}}
    content["source"] |= {"reader": "table", "ids": "int64", **source}
    Path("my_feed.yaml").write_text(yaml.safe_dump({**content, "horizons": [3]}))
    return "my_feed.yaml"


def test_check_counts_what_would_be_quarantined(capsys: Capture, folder: Path) -> None:
    rows = frame(clicked=[7, *frame()["clicked"][1:]], uid=[*frame()["uid"][:-1], "NULL"])
    path = scenario_of(rows)
    assert run("scenario", "check", path, "--raw", str(folder)) == 0
    found = capsys.readouterr().out
    assert "of all 400 rows, 398 are impressions" in found
    assert "quarantined: 2" in found
    assert "1: label 7 is outside {0, 1}" in found
    assert "1: null or unreadable user_id" in found
    assert "warning: 1 values are words for a missing value" in found
    assert f"lis ingest --scenario my_feed.yaml --raw {folder}\n" in found
    assert not (folder / "data").exists()


def test_check_shows_no_password(folder: Path) -> None:
    scenario = load_scenario(scenario_of(frame()))
    found = profile_log(scenario, str(folder))
    shown = profile_text(scenario, found, "s3://key:sesame@bucket/log")
    assert "lis ingest" in shown
    assert "bucket/log" in shown
    assert "sesame" not in shown


def test_check_warns_of_what_will_not_work(capsys: Capture, folder: Path) -> None:
    rows = frame(event_time=[FIRST.date() + timedelta(days=day % 2) for day in range(ROWS)])
    assert run("scenario", "check", scenario_of(rows), "--raw", str(folder)) == 0
    found = capsys.readouterr().out
    assert "warning: all times are midnight" in found
    assert "warning: horizons [3] need a log of 4 days, and this one has 2" in found
    assert "lis lis" not in found


@pytest.mark.parametrize(
    ("changes", "source", "reason"),
    [
        ({"clicked": 1}, {}, "all 400 rows have label 1"),
        ({"clicked": 5}, {}, "none of the first 400 rows is an impression (label 5 is"),
        ({"event_time": "soon"}, {}, "'soon' where ts needs a date or time"),
        ({"uid": "x"}, {}, "or set source.ids: string"),
        ({}, {"path": "other.csv"}, "no log at "),
    ],
)
def test_check_refuses_what_ingest_would(
    capsys: Capture, folder: Path, changes: dict[str, Any], source: dict[str, Any], reason: str
) -> None:
    path = scenario_of(frame(**changes), **source)
    assert reason in refusal(capsys, "scenario", "check", path, "--raw", str(folder))
