"""A figure is declared once; every place that shows it follows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from jobs.evaluation import figures
from jobs.evaluation.compare import compare_scores
from jobs.evaluation.declared.differences import HEADLINE
from jobs.evaluation.figure import Derived, Difference, Figure, Format, Section
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_results, result_partition, result_schema, store_result
from jobs.lake import Lake
from jobs.reporting.html_report import build_report
from jobs.stats.estimate import Estimate
from jobs.tracking.run_content import result_content
from jobs.tracking.run_notes import result_note
from scripts import generate_docs
from tests.jobs.tracking.sample_results import SCENARIO, make_result

GAIN = Figure(
    name="reverse_gain",
    label="Dummy gain",
    section=Section.DECISION,
    description="A gain that only this test declares.",
    measure=Difference("leaked", "baseline"),
    format=Format.DIFFERENCE,
    has_interval=True,
)
COUNT = Figure(
    name="negatives",
    label="Dummy count",
    section=Section.EVIDENCE,
    description="Rows with label 0.",
    measure=Derived(lambda found: found[HEADLINE].rows - found[HEADLINE].positives),
    format=Format.COUNT,
)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", (*figures.FIGURES, GAIN, COUNT))


@pytest.mark.usefixtures("declared")
def test_a_figure_declared_in_one_place_appears_everywhere(lake: Lake) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    measured = compare_scores(
        labels, random.integers(0, 30, 400), random.random(400), random.random(400)
    )
    assert measured.reverse_gain == -measured.lis
    assert measured.negatives == 400 - labels.sum()

    result = replace(make_result(), figures=measured.figures)
    schema = result_schema()
    assert schema.field("reverse_gain_ci_low").type == pa.float64()
    assert schema.field("negatives").type == pa.int64()
    content = result.to_dict()
    assert content["reverse_gain_ci_high"] == -measured.lis_ci_low
    assert LisResult.from_dict(content).negatives == measured.negatives

    day = result.last_day
    store_result(lake, result_partition("small_feed", "r", day, day, "k", "swap", 7), result, {})
    (stored,) = read_results(lake, "small_feed")
    assert repr(stored.figures) == repr(dict(measured.figures))

    metrics = result_content(lake, SCENARIO, "parent", result).metrics
    assert metrics["reverse_gain"] == -measured.lis
    assert metrics["negatives"] == measured.negatives
    assert "Dummy gain" in result_note(SCENARIO, result)
    html = build_report(SCENARIO, [result])
    for label in ("Dummy gain", "Dummy count"):
        assert f">{label}</th>" in html
        assert f'data-label="{label}"' in html
    assert f'data-label="Dummy count">{measured.negatives}<' in html
    assert "A gain that only this test declares" in generate_docs.figures()


@pytest.mark.usefixtures("declared")
def test_a_result_stored_before_a_figure_was_declared_lacks_it() -> None:
    result = make_result()
    assert math.isnan(result.reverse_gain)
    assert result.negatives is None
    assert build_report(SCENARIO, [result])


def test_names_and_columns_are_unique() -> None:
    columns = [column for figure in figures.all_figures() for column in figure.columns]
    assert len(columns) == len(set(columns))
    assert all(figure.description.endswith(".") for figure in figures.all_figures())


@pytest.mark.parametrize("figure", figures.all_figures(), ids=lambda figure: figure.name)
def test_a_value_survives_its_columns(figure: Figure) -> None:
    values = [figure.missing]
    if figure.is_count:
        values.append(7)
    elif figure.has_interval:
        values.append(Estimate(0.1, 0.0, 0.2, 0.05 if figure.has_se else math.nan))
    else:
        values.append(0.25)
    for value in values:
        columns = figure.flat(value)
        assert tuple(columns) == figure.columns
        assert repr(figure.from_flat({**columns, "other": 1})) == repr(value)


def test_figures_move_in_the_direction_that_they_declare() -> None:
    random = np.random.default_rng(1)
    labels, noise = random.integers(0, 2, 2_000), random.random((2, 2_000))
    users = random.integers(0, 100, 2_000)
    worse, better = (
        compare_scores(labels, users, 0.1 + 0.8 * noise[0], 0.1 + 0.8 * treatment)
        for treatment in (noise[1], 0.7 * noise[1] + 0.3 * labels)
    )
    moved = {
        figure.name: getattr(better, figure.name) - getattr(worse, figure.name)
        for figure in figures.all_figures()
        if figure.higher_is_better is not None
    }
    for figure in figures.all_figures():
        change = moved.get(figure.name, 0.0)
        if change and not math.isnan(change):
            assert (change > 0) == figure.higher_is_better, figure.name
    assert sum(bool(change) and not math.isnan(change) for change in moved.values()) >= 5
