"""The board's table holds what the results of the lake say, and follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.ais.ais_result import AIS_TABLE, AisResult, ais_keys
from jobs.ais.terms import HeadName
from jobs.board import update
from jobs.board.lines import (
    CONFIDENCE,
    OF_AIS,
    OF_LIS,
    as_lines,
    as_table,
    board_partition,
    line_schema,
    read_board,
)
from jobs.board.score_line import ImprovementLine, ScoreLine
from jobs.board.update import update_board
from jobs.common.day_range import DayRange
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_results, result_partition, store_result
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake, Partition
from jobs.stages.upkeep.rebuild import Outcome, rebuild
from tests.jobs.ais.sample_improvements import make_improvement
from tests.jobs.gate.stored_scores import LUCKY, OPEN, WORTH, score, store
from tests.jobs.tracking.sample_results import SCENARIO

DAY, BEFORE, YEAR_BEFORE = "2026-01-31", "2026-01-30", "2025-12-31"
DAYS = DayRange.parse(DAY)


def lines(lake: Lake, of: str = OF_LIS) -> Sequence[ScoreLine]:
    return as_lines(of, read_board(lake, SCENARIO.name, of))


def where(year: int = 2026, of: str = OF_LIS) -> Partition:
    return board_partition(SCENARIO.name, of, year)


def store_improvement(lake: Lake, result: AisResult) -> None:
    keys = ais_keys(result.encoder, result.aligned_day, HeadName(result.head))
    partition = result_partition(
        result.scenario,
        result.ranker_version,
        result.last_day,
        result.last_day,
        result.preference,
        result.mode,
        result.horizon,
        AIS_TABLE,
        keys,
    )
    store_result(lake, partition, result, {"data": "d"})


@pytest.fixture
def three_days(lake: Lake) -> Lake:
    """A lake with scores of three days in two years, and a pooled one; nothing is on the board."""
    store(
        lake,
        score(WORTH, as_of=DAY),
        score(LUCKY, as_of=DAY, preference="next_click"),
        score(OPEN, as_of=DAY, preference="similar_items"),
        score(WORTH, as_of=BEFORE),
        score(OPEN, as_of=f"{YEAR_BEFORE}:{BEFORE}"),
        score(OPEN, as_of=YEAR_BEFORE),
    )
    return lake


def test_lines_are_the_results_with_their_verdicts_corrected(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    expected = corrected_for_looks(read_results(three_days, SCENARIO.name), SCENARIO.confidence)
    found = {(line.as_of, line.preference): line for line in lines(three_days)}
    assert len(found) == len(expected) == 6
    for result in expected:
        line = found[result.as_of, result.preference]
        assert line.verdict == result.verdict
        assert (line.lis, line.lis_ci_low, line.looks) == (
            result.lis,
            result.lis_ci_low,
            result.looks,
        )
    alone = score(LUCKY)
    assert found[DAY, "next_click"].verdict != alone.verdict
    manifest = three_days.manifest(where())
    assert manifest is not None
    assert manifest.facts[CONFIDENCE] == SCENARIO.confidence
    assert three_days.manifest(where(2025)) is not None


def test_the_same_results_give_the_same_bytes(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    first = [three_days.manifest(where(year)) for year in (2025, 2026)]
    update_board(three_days, SCENARIO, DAYS)
    update_board(three_days, SCENARIO, DayRange.parse(f"{YEAR_BEFORE}:{DAY}"))
    assert [three_days.manifest(where(year)) for year in (2025, 2026)] == first


def test_results_of_other_days_are_not_read_again(
    three_days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_board(three_days, SCENARIO, DAYS)
    read = []
    original = update.read_result
    monkeypatch.setattr(
        update, "read_result", lambda lake, one, kind: read.append(one) or original(lake, one, kind)
    )
    update_board(three_days, SCENARIO, DAYS)
    assert {one.ds for one in read} == {date.fromisoformat(DAY)}
    assert len(lines(three_days)) == 6


def test_a_result_that_has_changed_is_copied_when_its_day_is_given(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    store(three_days, score(OPEN, as_of=BEFORE), score(OPEN, as_of="2026-02-01"))
    update_board(three_days, SCENARIO, DayRange.parse("2026-02-02"))
    found = {line.as_of: line.lis for line in lines(three_days)}
    assert found["2026-02-01"] == OPEN  # A day that the board lacks is copied, whoever stored it.
    assert found[BEFORE] == WORTH
    update_board(three_days, SCENARIO, DayRange.parse(BEFORE))
    assert {line.as_of: line.lis for line in lines(three_days)}[BEFORE] == OPEN


@pytest.mark.slow
def test_days_that_are_no_longer_in_the_lake_leave_the_board(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    three_days.storage.remove(f"lis/scenario={SCENARIO.name}/ds={BEFORE}")
    update_board(three_days, SCENARIO, DAYS)
    assert {line.last for line in lines(three_days)} == {DAY, YEAR_BEFORE}


@pytest.mark.slow
def test_another_confidence_makes_all_lines_anew(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    strict = SCENARIO.model_copy(update={"confidence": 0.999})
    update_board(three_days, strict, DayRange.parse("2026-03-01"))
    manifest = three_days.manifest(where())
    assert manifest is not None
    assert manifest.facts[CONFIDENCE] == 0.999


def test_a_damaged_table_is_made_anew(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    expected = lines(three_days)
    [path] = Path(three_days.uri).glob(f"{where().path}/*.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    update_board(three_days, SCENARIO, DayRange.parse("2026-03-01"))
    assert lines(three_days) == expected


@pytest.mark.slow
def test_a_damaged_table_can_be_rebuilt_by_hand(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    [path] = Path(three_days.uri).glob(f"{where().path}/*.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert rebuild(three_days, SCENARIO, where(), None) == Outcome.SAME


def test_a_damaged_result_is_left_out_and_holds_up_no_other(
    three_days: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    [path] = Path(three_days.uri).glob(f"lis/*/ds={DAY}/*/preference=next_click/**/*.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    update_board(three_days, SCENARIO, DAYS)
    assert len(lines(three_days)) == 5
    assert "the board does not show it" in caplog.text


def test_an_attempt_that_was_overtaken_leaves_the_newer_one_alone(
    three_days: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = update._copied

    def overtaken(*arguments: object) -> list[ScoreLine]:
        monkeypatch.setattr(update, "_copied", original)
        update_board(three_days, SCENARIO, DAYS)
        return []

    monkeypatch.setattr(update, "_copied", overtaken)
    update_board(three_days, SCENARIO, DAYS)
    assert len(lines(three_days)) == 6


def test_what_alignment_brings_has_lines_of_its_own(lake: Lake) -> None:
    result = make_improvement(scenario=SCENARIO.name)
    store_improvement(lake, result)
    store_improvement(lake, replace(result, head=HeadName.SIMILARITY.value))
    update_board(lake, SCENARIO, DAYS)
    assert lines(lake) == []
    first, _ = found = lines(lake, OF_AIS)
    assert isinstance(first, ImprovementLine)
    assert {line.head for line in found if isinstance(line, ImprovementLine)} == {
        "raw",
        "similarity",
    }
    assert (first.ais, first.ais_ci_low, first.ais_ci_high) == (
        result.ais,
        result.ais_ci_low,
        result.ais_ci_high,
    )
    assert (first.realised, first.realised_ci_low, first.realised_ci_high) == (
        result.realised,
        result.realised_ci_low,
        result.realised_ci_high,
    )
    assert first.diagnosis == result.diagnosis


@pytest.mark.slow
def test_a_table_of_another_release_is_read(three_days: Lake) -> None:
    update_board(three_days, SCENARIO, DAYS)
    rows = as_table(OF_LIS, lines(three_days)).drop_columns(["looks"])
    with three_days.attempt([where()]) as attempt:
        attempt.write_table("part-00000.parquet", rows)
        attempt.publish(where(), inputs={}, schema=rows.schema)
    assert read_board(three_days, SCENARIO.name, OF_LIS).schema == line_schema(OF_LIS)
    update_board(three_days, SCENARIO, DAYS)
    [path] = Path(three_days.uri).glob(f"{where().path}/*.parquet")
    assert "looks" in pq.read_schema(path).names


def test_a_result_has_every_column_of_a_line() -> None:
    content = {"source": "", **make_improvement().to_dict()}
    assert set(line_schema(OF_AIS).names) <= set(content)
    assert isinstance(make_improvement(), LisResult)
