"""Heat map and trends: what is shown of which score."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from jobs.board.score_line import ScoreLine
from jobs.board.summary import Change, Point, ScoreKey
from jobs.evaluation.verdict.decision import Verdict
from plugins.lis_plugin.board import words
from plugins.lis_plugin.board.heat_map import HeatMap, heat_map, legend, mark_of, step_of
from plugins.lis_plugin.board.trend import HEIGHT, WIDTH, panels
from tests.jobs.tracking.sample_results import make_result

STALE = {("2026-01-09", "next_click", "swap", 7): "the leaked data has changed"}


def line(as_of: str = "2026-01-09", **changes: object) -> ScoreLine:
    values = {"horizon": 7, "preference": "next_click", "mode": "swap", "threshold": 0.001}
    return ScoreLine.of(make_result(as_of=as_of, **{**values, **changes}).to_dict(), "")


def shown(*lines: ScoreLine) -> HeatMap:
    return heat_map(lines, "swap", 0.95, STALE, lambda one: f"https://mlflow/{one.horizon}")


def test_rows_are_kinds_from_the_highest_lis_and_columns_are_horizons() -> None:
    found = shown(
        line(lis=0.002),
        line("2026-01-01", lis=0.003, horizon=30),
        line(lis=0.02, preference="id_embedding"),
        line(lis=0.9, mode="probe"),
    )
    assert [(one.horizon, one.newest) for one in found.columns] == [
        (7, "2026-01-09"),
        (30, "2026-01-01"),
    ]
    assert [row.preference for row in found.rows] == ["id_embedding", "next_click"]
    assert found.rows[0].cells[1] is None


def test_a_cell_says_verdict_interval_and_where_it_comes_from() -> None:
    [row] = shown(line(verdict="worth aligning", verdict_reason="the interval lies above it")).rows
    cell = row.cells[0]
    assert cell is not None
    text = " ".join(cell.sentences)
    for part in (
        "Worth aligning: the interval lies above it.",
        "LIS +0.0150, 95 % interval +0.0110 to +0.0190; the threshold is 0.0010.",
        "20,000 held-out rows of 900 users.",
        "As of 2026-01-09, ranker ranker-1.",
        "Stale: the leaked data has changed.",
    ):
        assert part in text
    assert cell.run == "https://mlflow/7"


def test_a_score_of_an_older_day_than_its_column_is_marked() -> None:
    found = shown(line(), line("2026-01-05", preference="id_embedding"))
    behind = {row.preference: row.cells[0] and row.cells[0].is_behind for row in found.rows}
    assert behind == {"next_click": False, "id_embedding": True}


@pytest.mark.parametrize(
    ("lis", "step"),
    [(-0.0011, 0), (-0.001, 1), (0.0, 1), (0.001, 2), (0.0049, 3), (0.005, 4), (0.5, 6)],
)
def test_the_step_of_colour_is_counted_in_thresholds(lis: float, step: int) -> None:
    assert step_of(line(lis=lis)) == step
    assert step_of(line(lis=2 * lis, threshold=0.002)) == step


def test_the_legend_has_an_entry_for_each_step() -> None:
    texts = [one.text for one in legend(0.002)]
    assert texts[:3] == [
        "below \N{MINUS SIGN}0.0020",
        "\N{PLUS-MINUS SIGN}0.0020",
        "+0.0020 to +0.0040",
    ]
    assert len(texts) == step_of(line(lis=1.0)) + 1  # type: ignore[operator]


def test_what_has_no_verdict_has_no_colour() -> None:
    for verdict in Verdict:
        withheld = mark_of(verdict) == "\N{EMPTY SET}"
        assert (step_of(line(verdict=verdict.value)) is None) == withheld
    assert step_of(line(lis=None)) is None


def test_a_missing_figure_is_a_dash() -> None:
    assert words.signed(None) == words.between(None, 0.1) == "\N{EN DASH}"
    assert words.share(None, None, None) == "\N{EN DASH}"
    assert [words.share_width(share, 60) for share in (None, -1.0, 0.5, 3.0)] == [0, 0, 30, 60]


def points(*values: float | None, verdict: str = "inconclusive") -> list[Point]:
    return [
        Point(
            f"2026-01-{day:02}",
            value,
            None if value is None else value - 0.001,
            None if value is None else value + 0.001,
            verdict,
            "v1",
        )
        for day, value in enumerate(values, start=1)
    ]


KEY = ScoreKey("next_click", "swap", 7)


def test_a_trend_stays_within_its_picture() -> None:
    change = Change("2026-01-03", None, "v1", "v2")
    [panel] = panels({KEY: points(0.001, 0.004, -0.002, 0.003)}, [change], 0.001)
    [trend] = panel.lines
    places = [float(one) for one in re.findall(r"[\d.]+", f"{trend.path} {trend.band}")]
    assert len(places) == 2 * (4 + 8)
    assert all(0 <= x <= WIDTH for x in places[::2])
    assert all(0 <= y <= HEIGHT for y in places[1::2])
    assert panel.versions[0].x == float(re.findall(r"L([\d.]+),", trend.path)[1])
    assert panel.threshold < panel.zero
    assert "+0.0010 on 2026-01-01 (inconclusive), +0.0030 on 2026-01-04" in panel.summary


def test_a_day_without_a_lis_is_a_gap() -> None:
    [panel] = panels({KEY: points(0.001, None, 0.002, 0.003)}, [], 0.001)
    assert re.sub(r"[\d.,]+", "", panel.lines[0].path) == "MML"


def test_another_verdict_is_a_ring() -> None:
    line = points(0.001, 0.002, 0.003)
    line[1:] = points(0.001, 0.002, 0.003, verdict="worth aligning")[1:]
    [panel] = panels({KEY: line}, [], 0.001)
    [ring] = panel.lines[0].rings
    assert ring.text == "2026-01-02: inconclusive, then worth aligning"


def test_a_single_day_is_drawn() -> None:
    [panel] = panels({KEY: points(0.002)}, [], 0.001)
    assert len(panel.dates) == 1
    assert panels({}, [], 0.001) == []


def test_days_on_the_axis_are_evenly_spaced_and_end_with_the_newest() -> None:
    for count in (2, 7, 30):
        [panel] = panels({KEY: points(*[0.001] * count)}, [], 0.001)
        places = [tick.place for tick in panel.dates]
        steps = [second - first for first, second in pairwise(places)]
        assert max(steps) - min(steps) < 0.3
        assert places[-1] == panel.lines[0].end.x
        assert len(places) <= 5


def test_kinds_of_a_horizon_have_one_colour() -> None:
    lines = {KEY: points(0.001), ScoreKey("a", "swap", 30): points(0.002)}
    found = {panel.preference: panel.lines[0].number for panel in panels(lines, [], 0.001)}
    assert found == {"a": 1, "next_click": 0}
