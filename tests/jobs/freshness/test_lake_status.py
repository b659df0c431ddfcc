"""What ``lis status`` says of a lake before and after rows have arrived late."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from jobs.board.kept_status import newest_status
from jobs.board.lines import OF_LIS, as_lines, read_board
from jobs.cli.main import main
from jobs.cli.parser import build_parser
from jobs.common.day_range import DayRange
from jobs.freshness.lake_status import lake_status, status_as_json
from jobs.lake import Lake
from jobs.reporting.status_text import status_text
from jobs.scenarios import Mode
from jobs.stages.report import REPORT, write_report
from jobs.stages.score_options import DueOptions
from jobs.stages.upkeep.board import publish_board, publish_status
from tests.jobs.freshness.conftest import (
    AS_OF,
    DAYS,
    LATE,
    DailyRuns,
    day,
    late_rows,
    rows_of,
    write_rows,
)


def shown(runs: DailyRuns) -> str:
    status = lake_status(runs.lake, runs.scenario, str(runs.raw))
    return status_text(runs.scenario, str(runs.raw), status)


def lines_of(text: str) -> list[str]:
    """The lines of the table of days below its header, with single blanks."""
    return [" ".join(line.split()) for line in text.split("\n\n")[1].splitlines()[2:]]


def test_a_lake_that_is_current_is_shown_in_a_few_ranges(scored: DailyRuns) -> None:
    text = shown(scored)
    assert lines_of(text) == [
        "2026-01-01 to 2026-01-03 present current current current current - -",
        "2026-01-04 present current current current current 1 -",
        "2026-01-05 to 2026-01-06 present current current current current - -",
    ]
    assert text.endswith("All is up to date.")


@pytest.mark.slow
def test_late_rows_are_named_and_so_is_all_that_must_follow(
    scored: DailyRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the printed commands do is done, one after the other, until nothing is left to do."""
    write_rows(scored.raw, LATE, "late.csv", late_rows())
    write_rows(scored.raw, DAYS + 1, "part.csv", rows_of(DAYS + 1))

    text = shown(scored)
    assert lines_of(text)[:3] == [
        "2026-01-01 to 2026-01-02 present current current current current - -",
        "2026-01-03 late current current current current - -",
        "2026-01-04 present current current current current 1 -",
    ]
    assert lines_of(text)[4].startswith("2026-01-07 new")
    assert "2026-01-03 is late: its raw files were 1 (" in text
    assert "no run reads it again, as schedule.late_days is 3" in text

    scored.ingest(LATE, LATE)
    text = shown(scored)
    assert lines_of(text) == [
        "2026-01-01 to 2026-01-02 present current current current current - -",
        "2026-01-03 present current current stale stale - -",
        "2026-01-04 present stale stale stale stale 1 of 1 stale -",
        "2026-01-05 to 2026-01-06 present stale stale stale stale - -",
        "2026-01-07 new - - - - - -",
    ]
    assert "the rankers from 2026-01-04 on are stale: impressions and" in text
    assert (
        "2026-01-04, id_embedding, swap, n = 2 is stale: the ranker of 2026-01-04 is stale" in text
    )

    page = write_report(scored.lake, scored.scenario, DayRange.of_day(day(AS_OF))).read_text()
    assert "One result is stale" in page
    commands = [line.strip() for line in text.splitlines() if line.startswith("  lis ")]
    words = [command.split()[1] for command in commands]
    assert words == ["ingest", "ingest", "train", "lis"]
    for command in commands[:3]:
        assert main(shlex.split(command)[1:]) == 0, command
    asked = build_parser().parse_args(shlex.split(commands[3])[1:])
    assert (asked.as_of, asked.horizons) == (DayRange.of_day(day(AS_OF)), (2,))
    assert (asked.mode, asked.preference) == ((Mode.SWAP,), ("id_embedding",))
    scored.score()
    capsys.readouterr()
    assert shown(scored).endswith("All is up to date.")
    page = write_report(scored.lake, scored.scenario, DayRange.of_day(day(AS_OF))).read_text()
    assert "stale" not in page


@pytest.mark.slow
def test_a_result_of_a_leak_that_changed_is_stale_where_all_rankers_are_current(
    scored: DailyRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of the fifth day are in the leak of the fourth, and not in its ranker."""
    write_rows(scored.raw, AS_OF + 1, "late.csv", late_rows(AS_OF + 1))
    assert main(["ingest", "--scenario", scored.scenario.given_as, "--late"]) == 0
    scored.train()
    capsys.readouterr()

    assert main(["status", "--scenario", scored.scenario.given_as, "--json"]) == 0

    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (content["late"], content["stale_ranker"]) == ([], None)
    assert content["stale_results"] == [
        {
            "as_of": "2026-01-04",
            "preference": "id_embedding",
            "mode": "swap",
            "horizon": 2,
            "why": "the preference data of 2026-01-04 was assembled from other data",
        }
    ]
    assert [one["stale_scores"] for one in content["days"]] == [0, 0, 0, 1, 0, 0]
    assert main(["ingest", "--scenario", scored.scenario.given_as, "--late"]) == 0
    given = ["--scenario", scored.scenario.given_as, "--late", "--start", "2026-01-05"]
    assert main(["ingest", *given]) == 2
    assert "--late finds its days by itself" in capsys.readouterr().err


def test_nothing_is_listed_where_nothing_is_ingested(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    assert main(["status", "--scenario", "simulated_feed", "--raw", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        f"simulated_feed: nothing is ingested, and no day lies at {tmp_path}\n"
    )


def kept(lake: Lake, scenario: str) -> dict[str, object]:
    found = newest_status(lake, scenario)
    assert found is not None
    return dict(found.content)


def test_the_status_of_a_run_is_kept_with_what_mends_it(scored: DailyRuns) -> None:
    lake, scenario = scored.lake, scored.scenario
    publish_status(lake, scenario)
    assert kept(lake, scenario.name)["late"] == []
    write_rows(scored.raw, LATE, "late.csv", late_rows())
    publish_status(lake, scenario)
    status = newest_status(lake, scenario.name)
    assert status is not None
    assert [one["day"] for one in status.content["late"]] == [str(day(LATE))]
    assert "--late" in status.commands[0]
    assert status.content == status_as_json(scenario, lake_status(lake, scenario, str(scored.raw)))


def test_a_status_reaches_back_to_a_day(scored: DailyRuns) -> None:
    lake, scenario = scored.lake, scored.scenario
    found = lake_status(lake, scenario, str(scored.raw), since=day(DAYS - 1))
    assert [one.day for one in found.days] == [day(DAYS - 1), day(DAYS)]
    assert {one.history for one in found.days} == {"current"}
    write_rows(scored.raw, LATE, "late.csv", late_rows())
    assert lake_status(lake, scenario, str(scored.raw), since=day(LATE + 1)).late == ()


def test_a_log_that_is_gone_is_a_warning(
    scored: DailyRuns, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAILY_LOG")
    publish_status(scored.lake, scored.scenario)
    assert newest_status(scored.lake, scored.scenario.name) is None
    assert "the board does not show what is late or stale" in caplog.text


def test_the_scores_of_a_run_are_on_the_board(scored: DailyRuns) -> None:
    lake, scenario = scored.lake, scored.scenario
    request = scored.request()
    publish_board(lake, scenario, request.days)
    [line] = as_lines(OF_LIS, read_board(lake, scenario.name, OF_LIS))
    assert (line.preference, line.as_of) == ("id_embedding", str(request.days))


@pytest.mark.slow
def test_the_stage_report_leaves_both(
    scored: DailyRuns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lake, scenario = scored.lake, scored.scenario
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{scored.folder}/mlflow.db")
    request = scored.request()
    REPORT.run(lake, scenario, DueOptions(as_of=request.days, horizons=request.horizons))
    assert capsys.readouterr().out.strip().endswith(".html")
    assert len(read_board(lake, scenario.name, OF_LIS)) == 1
    assert kept(lake, scenario.name)["late"] == []
