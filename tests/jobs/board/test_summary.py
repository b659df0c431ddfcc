"""What is newest, and what has changed, by the rules of the project's other pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from jobs.board.lines import OF_LIS, as_table
from jobs.board.score_line import ScoreLine
from jobs.board.summary import (
    current_ranker,
    newest_lines,
    of_as_ofs,
    ranker_changes,
    since,
    thinned,
    trends,
    verdict_changes,
)
from jobs.common.day_range import DayRange
from jobs.evaluation.verdict.changes import verdict_changes as expected_changes
from tests.jobs.tracking.sample_results import make_result


def line(as_of: str, **changes: object) -> ScoreLine:
    values = {"horizon": 7, "preference": "next_click", "mode": "swap", "ranker_version": "old"}
    return ScoreLine.of(make_result(as_of=as_of, **{**values, **changes}).to_dict(), "")


def as_ofs(lines: Sequence[ScoreLine]) -> list[str]:
    return [one.as_of for one in lines]


def test_each_score_counts_at_its_own_newest_day() -> None:
    rows = as_table(
        OF_LIS,
        [line("2026-01-01"), line("2026-01-09"), line("2026-01-05", horizon=30)],
    )
    assert as_ofs(newest_lines(rows)) == ["2026-01-09", "2026-01-05"]


def test_the_longest_range_that_ends_on_the_newest_day_leads() -> None:
    ranges = ["2026-01-09", "2026-01-08:2026-01-09", "2026-01-03:2026-01-09"]
    rows = as_table(OF_LIS, [line(one) for one in ranges])
    assert as_ofs(newest_lines(rows)) == ["2026-01-03:2026-01-09"]


def test_of_two_rankers_that_of_the_newest_day_leads() -> None:
    rows = as_table(
        OF_LIS,
        [
            line("2026-01-09", ranker_version="a-new", horizon=30),
            line("2026-01-08", ranker_version="a-new"),
            line("2026-01-08", ranker_version="z-old"),
        ],
    )
    assert current_ranker(rows) == "a-new"
    assert {one.ranker_version for one in newest_lines(rows)} == {"a-new"}
    [points] = [points for key, points in trends(rows).items() if key.horizon == 7]
    assert [point.ranker for point in points] == ["a-new"]


def test_what_is_half_a_year_older_is_not_the_newest_of_its_kind() -> None:
    rows = as_table(OF_LIS, [line("2025-01-01", mode="probe"), line("2026-01-01")])
    assert as_ofs(newest_lines(rows)) == ["2026-01-01"]


def test_an_empty_table_has_nothing() -> None:
    rows = as_table(OF_LIS, [])
    assert newest_lines(rows) == []
    assert verdict_changes(rows) == []
    assert ranker_changes(rows) == []
    assert trends(thinned(rows, 10)) == {}


@pytest.mark.parametrize("seed", range(5))
def test_changes_are_those_that_a_run_announces(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = date(2026, 1, 1)
    results = [
        make_result(
            as_of=(first + timedelta(days=int(day))).isoformat(),
            preference=str(random.choice(["a", "b"])),
            horizon=int(random.choice([7, 30])),
            ranker_version=str(random.choice(["v1", "v2"])),
            verdict=str(random.choice(["inconclusive", "worth aligning"])),
        )
        for day in random.integers(0, 12, 60)
    ]
    unique = {(one.as_of, one.preference, one.horizon, one.ranker_version): one for one in results}
    pooled = make_result(as_of="2026-01-01:2026-01-05")
    rows = as_table(OF_LIS, [ScoreLine.of(one.to_dict(), "") for one in (*unique.values(), pooled)])
    found = [(one.day, one.key, one.before, one.after) for one in verdict_changes(rows)]
    expected = [
        (
            one.after.as_of,
            (one.after.preference, one.after.mode, one.after.horizon),
            one.before.verdict,
            one.after.verdict,
        )
        for one in expected_changes(unique.values(), DayRange(first, date(2026, 2, 1)))
    ]
    assert sorted(found) == sorted(expected)  # type: ignore[type-var]
    assert found


def test_a_new_ranker_is_a_change_of_its_first_day() -> None:
    versions = ["v1", "v1", "v2", "v2"]
    days = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    rows = as_table(
        OF_LIS,
        [line(day, ranker_version=name) for day, name in zip(days, versions, strict=True)],
    )
    [change] = ranker_changes(rows)
    assert (change.day, change.key, change.before, change.after) == ("2026-01-03", None, "v1", "v2")


def test_a_long_trend_keeps_its_newest_day_and_is_evenly_spaced() -> None:
    first = date(2026, 1, 1)
    days = [(first + timedelta(days=place)).isoformat() for place in range(100)]
    rows = as_table(OF_LIS, [line(day) for day in days])
    [points] = trends(thinned(rows, 30)).values()
    assert [point.day for point in points] == days[3::4]
    assert [point.day for point in trends(thinned(rows, 100)).popitem()[1]] == days  # type: ignore[attr-defined]


def test_lines_are_chosen_by_day() -> None:
    rows = as_table(OF_LIS, [line("2026-01-01"), line("2026-01-01:2026-01-03")])
    assert as_ofs(newest_lines(of_as_ofs(rows, ["2026-01-01"]))) == ["2026-01-01"]
    assert as_ofs(newest_lines(since(rows, date(2026, 1, 2)))) == ["2026-01-01:2026-01-03"]
