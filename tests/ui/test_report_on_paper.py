"""The report on a screen and on paper, measured in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from jobs.common.paths import data_folder
from jobs.evaluation.result import Slice
from jobs.reporting.html_report import build_report
from jobs.stats.estimate import Estimate
from scripts.screenshots.__main__ import report_page
from scripts.screenshots.paper import (
    SHEETS,
    Sheet,
    missing_headings,
    printed,
    squeezed,
    texts,
    too_wide,
)
from tests.jobs.tracking.sample_results import SCENARIO, make_result

PREFERENCES = ("id_embedding", "a_custom_kind_whose_name_is_rather_long")
PARTS = tuple(
    Slice("hour", f"{hour:02}", 12_345, 2_345, Estimate(0.01, -0.9 * (hour == 3), 0.02), 1e-6)
    for hour in range(24)
)
FIGURES = {
    name: value
    for figure, value in {
        "unleaked_gain": -0.0021,
        "leak_gain": -0.0025,
        "placebo": -0.0001,
        "ranker_over_popularity": -0.0123,
        "ranker_over_logistic": -0.0123,
        "baseline_over_ranker": -0.0123,
        "lis_seen": -0.0612,
    }.items()
    for name, value in ((figure, value), (f"{figure}_ci_low", -0.0987), (f"{figure}_ci_high", 0.9))
}


@pytest.fixture(scope="module")
def wide_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every table, long names, large numbers and several ranker versions."""
    results = [
        make_result(
            **FIGURES,
            preference=preference,
            mode=mode,
            as_of="2026-02-01:2026-02-07",
            rows=123_456_789,
            users=12_345_678,
            rows_needed=1_000_000_000,
            verdict="inconclusive",
            auc_ranker=0.7,
            auc_popularity=0.6,
            auc_logistic=0.65,
            effective_users=1_234_567.8901,
            p_value=0.0,
            slices=PARTS,
            fit_days=28,
            lookback_days=365,
        )
        for preference in PREFERENCES
        for mode in ("swap", "probe", "retrain")
    ]
    others = [
        make_result(preference=preference, as_of="2026-02-07", ranker_version=f"dcn-0123abcd{one}")
        for preference in PREFERENCES
        for one in range(4)
    ]
    path = tmp_path_factory.mktemp("report") / "wide.html"
    path.write_text(build_report(SCENARIO, [*results, others[0]], others), encoding="utf-8")
    return path


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
@pytest.mark.parametrize("which", ["wide", "demo"])
def test_no_column_of_a_printed_report_is_cut(
    page: Page, wide_report: Path, which: str, sheet: Sheet
) -> None:
    path = wide_report if which == "wide" else report_page(data_folder())
    page.goto(path.resolve().as_uri())
    assert too_wide(page, sheet) == []
    assert missing_headings(page, sheet) == []
    size = [round(side / 72 * 25.4) for side in printed(page, sheet)[0].get_size()]
    assert size == [round(sheet.width), round(sheet.height)]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_cut_column_would_be_found(page: Page, wide_report: Path, sheet: Sheet) -> None:
    page.goto(wide_report.as_uri())
    page.add_style_tag(content="td, th { white-space: nowrap !important; min-width: 7rem; }")
    assert too_wide(page, sheet)
    page.add_style_tag(content=".scroll { overflow: hidden !important; }")
    assert missing_headings(page, sheet)


@pytest.mark.parametrize("sheet", SHEETS[:2], ids=lambda sheet: sheet.name)
def test_headings_repeat_and_folded_tables_are_open_on_paper(
    page: Page, wide_report: Path, sheet: Sheet
) -> None:
    page.goto(wide_report.as_uri())
    pages = [squeezed(text) for text in texts(printed(page, sheet))]
    of_slices = [text for text in pages if text.count("hour:") > 2]
    assert len(of_slices) > 2
    assert all("Standsout" in text for text in of_slices)
    assert squeezed("Two-sided p-value of a LIS of 0") in "".join(pages)


def test_a_narrow_screen_shows_each_row_as_a_card(page: Page, wide_report: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(wide_report.as_uri())
    width, shown = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width <= shown
