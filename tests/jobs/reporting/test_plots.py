"""Contract of the plots and of the ROC curve that they draw."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from datetime import date, datetime

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve as sklearn_roc_curve

from jobs.evaluation.result import LisResult, Slice
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.reporting.plots import (
    dose_figure,
    forest_figure,
    importance_figure,
    png,
    roc_figure,
    svg,
    trend_figure,
)
from jobs.reporting.plots.canvas import INK
from jobs.stats.estimate import Estimate
from jobs.stats.roc import roc_curve
from tests.jobs.tracking.sample_results import make_result
from tests.oracles.exact_auc import auc

RESULTS = [
    make_result(as_of=f"2026-02-0{day}", horizon=horizon, preference=preference)
    for day in (1, 2, 3)
    for horizon in (7, 30)
    for preference in ("id_embedding", "next_click")
]
ONE_DAY = [result for result in RESULTS if result.as_of == "2026-02-01"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_the_curve_is_the_one_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([int(label) for label, _ in rows])
    scores = np.array([float(score) for _, score in rows])
    if labels.min() == labels.max():
        with pytest.raises(ValueError, match="both classes"):
            roc_curve(labels, scores)
        return
    curve = roc_curve(labels, scores)
    false, true, _ = sklearn_roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, false)
    np.testing.assert_allclose(curve.true_positive_rate, true)


def test_a_thinned_curve_keeps_its_ends_and_its_area() -> None:
    random = np.random.default_rng(7)
    labels = random.integers(0, 2, 50_000)
    scores = labels + 2 * random.normal(size=labels.size)
    curve = roc_curve(labels, scores, points=200)
    assert curve.false_positive_rate.size <= 200
    ends = curve.false_positive_rate[[0, -1]], curve.true_positive_rate[[0, -1]]
    assert [list(end) for end in ends] == [[0, 1], [0, 1]]
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(auc(labels, scores), abs=2e-4)


def test_a_curve_of_one_point_is_refused() -> None:
    with pytest.raises(ValueError, match="two points"):
        roc_curve([0, 1], [0.1, 0.2], points=1)


@pytest.mark.parametrize("draw", [dose_figure, trend_figure])
@pytest.mark.parametrize("width", [340, 840])
def test_svg_is_deterministic_and_takes_the_pages_text_colour(draw: object, width: int) -> None:
    assert callable(draw)
    results = ONE_DAY if draw is dose_figure else RESULTS
    first, second = (svg(draw(results, width), "name", 'what "it" <shows>') for _ in range(2))
    assert first == second
    root = ET.fromstring(first)
    assert float(root.attrib["viewBox"].split()[2]) == width
    assert root.attrib["aria-label"] == 'what "it" <shows>'
    assert INK not in first
    assert "currentColor" in first
    assert "var(--held-out, #0072b2)" in first
    assert "<metadata" not in first
    words = " ".join(root.itertext())
    for shown in ("id_embedding", "next_click", "swap", "threshold 0.0010", "AUC gain"):
        assert shown in words


def test_two_plots_of_a_page_share_no_id() -> None:
    def ids(name: str) -> set[str]:
        root = ET.fromstring(svg(dose_figure(ONE_DAY), name, "any"))
        return {element.attrib["id"] for element in root.iter() if "id" in element.attrib}

    assert ids("wide")
    assert not ids("wide") & ids("narrow")


def test_references_within_a_plot_have_targets() -> None:
    text = svg(dose_figure(ONE_DAY), "wide", "any")
    referred = re.findall(r'(?:url\(#|href="#)([^")]+)', text)
    assert referred
    assert set(referred) <= set(re.findall(r'\bid="([^"]+)"', text))


def test_png_is_deterministic_and_leaves_no_style_behind() -> None:
    before = dict(matplotlib.rcParams)
    curve = roc_curve([0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9])
    first, second = (png(roc_figure(curve, curve, make_result())) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before


def test_drawn_points_are_the_results() -> None:
    figure = dose_figure([make_result(), make_result(horizon=30, lis=0.018)])
    lines = [list(np.asarray(line.get_ydata())) for line in figure.axes[0].lines]
    assert [0.015, 0.018] in lines
    assert [0.06, 0.06] in lines


def test_days_of_leak_are_spaced_by_their_logarithm() -> None:
    figure = dose_figure([make_result(horizon=n) for n in (0, 1, 7, 30)])
    axes = figure.axes[0]
    assert list(axes.get_xticks()) == pytest.approx(np.log([1, 2, 8, 31]))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "7", "30"]


def test_many_kinds_get_a_panel_each_on_one_scale() -> None:
    results = [
        make_result(preference=f"kind_{kind}", mode=mode, lis=0.001 * kind)
        for kind in range(8)
        for mode in ("swap", "retrain")
    ]
    wide, narrow = dose_figure(results, 1080), dose_figure(results, 340)
    assert len(wide.axes) == len(narrow.axes) == 16
    assert len({axes.get_ylim() for axes in wide.axes}) == 1
    assert wide.get_size_inches()[1] < narrow.get_size_inches()[1]


def labels_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_changes_of_verdict_and_of_ranker_are_marked() -> None:
    steady = [make_result(as_of=f"2026-02-0{day}") for day in (1, 2, 3, 4)]
    assert not {"verdict changed", "other ranker version"} & set(labels_of(trend_figure(steady)))
    changed = [
        *steady[:2],
        make_result(as_of="2026-02-03", verdict="inconclusive", lis=0.0011),
        make_result(as_of="2026-02-04", verdict="inconclusive", ranker_version="ranker-2"),
    ]
    figure = trend_figure(changed)
    assert {"verdict changed", "other ranker version"} <= set(labels_of(figure))
    (ring,) = [line for line in figure.axes[0].lines if line.get_label() == "verdict changed"]
    assert list(np.asarray(ring.get_ydata())) == [0.0011]
    (upright,) = [
        line for line in figure.axes[0].lines if line.get_label() == "other ranker version"
    ]
    assert np.asarray(upright.get_xdata())[0] == datetime(2026, 2, 4)


def sliced(**changes: object) -> LisResult:
    parts = (
        Slice("device", "desk", 500, 90, Estimate(0.002, -0.001, 0.005), 0.4),
        Slice("device", "phone", 500, 90, Estimate(0.012, 0.010, 0.014), 0.001, stands_out=True),
        Slice("age", "unknown", 3, 1, Estimate()),
    )
    return make_result(slices=parts, **changes)


@pytest.mark.parametrize("width", [340, 1080])
def test_the_forest_has_a_line_for_each_part_and_marks_what_stands_out(width: int) -> None:
    results = [sliced(preference=f"kind_{kind}") for kind in range(4)]
    figure = forest_figure(results, width)
    assert len(figure.axes) == 4
    named = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert named == ["device", "desk", "phone", "age", "unknown"]
    drawn = {line.get_label(): list(np.asarray(line.get_xdata())) for line in figure.axes[1].lines}
    assert drawn["stands out after correction"] == [0.012]
    assert drawn["part, with interval"][0] == 0.002
    assert svg(figure, "forest", "any") == svg(forest_figure(results, width), "forest", "any")


def test_intervals_that_leave_the_axis_end_in_arrows_at_its_edge() -> None:
    usual = [Slice("hour", f"{hour:02}", 500, 90, Estimate(0.01, 0.0, 0.02)) for hour in range(20)]
    wide = [
        Slice("device", "right", 9, 9, Estimate(0.012, 0.010, 0.9)),
        Slice("device", "both", 9, 9, Estimate(0.011, -0.9, 0.9), stands_out=True),
    ]
    axes = forest_figure([make_result(slices=(*usual, *wide))]).axes[0]
    low, high = axes.get_xlim()
    heights = dict(
        zip([text.get_text() for text in axes.get_yticklabels()], axes.get_yticks(), strict=True)
    )
    found = [
        tuple(point) for one in axes.collections[2:] for point in np.asarray(one.get_offsets())
    ]
    assert found == [
        (low, heights["both"]),
        (high, heights["right"]),
        (high, heights["both"]),
    ]
    without = forest_figure([make_result(slices=tuple(usual))]).axes[0]
    assert not any(len(np.asarray(one.get_offsets())) for one in without.collections[1:])


def test_a_forest_without_any_figure_can_be_drawn() -> None:
    part = Slice("age", "0", 3, 1, Estimate())
    nothing = make_result(slices=(part,), lis=math.nan)
    assert svg(forest_figure([nothing]), "hole", "any").startswith("<svg")


def important(slot: str, importance: float, margin: float = 0.002) -> SlotImportance:
    ends = (importance - margin, importance + margin)
    days = (date(2026, 1, 26), date(2026, 2, 1))
    return SlotImportance(slot, importance, margin / 2, *ends, 9_000, 700, *days)


@pytest.mark.parametrize("width", [340, 1080])
def test_embedding_slots_are_drawn_downwards_with_their_intervals(width: int) -> None:
    slots = [important("user_id", 0.031), important("place", -0.0001, math.nan)]
    first, second = (svg(importance_figure(slots, width), "name", "any") for _ in range(2))
    assert first == second
    assert INK not in first
    assert "currentColor" in first
    assert "var(--held-out, #0072b2)" in first
    assert "AUC lost" in " ".join(ET.fromstring(first).itertext())
    axes = importance_figure(slots, width).axes[0]
    places = dict(
        zip([t.get_text() for t in axes.get_yticklabels()], axes.get_yticks(), strict=True)
    )
    assert places["user_id"] > places["place"]
    [points] = [line for line in axes.lines if line.get_marker() == "o"]
    drawn = dict(zip(np.asarray(points.get_ydata()), np.asarray(points.get_xdata()), strict=True))
    assert drawn == {places["user_id"]: 0.031, places["place"]: -0.0001}
    [lines] = axes.collections
    ends = np.asarray(lines.get_paths()[0].vertices, float)
    np.testing.assert_allclose(ends, [[0.029, places["user_id"]], [0.033, places["user_id"]]])


def test_missing_figures_and_days_out_of_order_can_be_drawn() -> None:
    hole = make_result(as_of="2026-02-04", lis=math.nan, lis_ci_low=math.nan, lis_ci_high=math.nan)
    figure = trend_figure([hole, *RESULTS[::-1]])
    drawn = np.asarray(figure.axes[0].lines[0].get_ydata(), dtype=float)
    assert np.isnan(drawn[-1])
    assert svg(dose_figure([hole]), "hole", "any").startswith("<svg")


def test_a_plot_without_results_is_refused() -> None:
    with pytest.raises(ValueError, match="no result"):
        trend_figure([make_result(as_of="2026-02-01:2026-02-02")])
