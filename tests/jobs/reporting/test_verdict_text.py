"""Sentences on verdicts, in the report, the notes and the terminal."""

from __future__ import annotations

import pytest

from jobs.evaluation.result import COMPARE, LisResult
from jobs.reporting.html_report import build_report
from jobs.reporting.result_text import result_line, result_notes, result_table
from jobs.reporting.verdict_text import headline, simple_models_sentence
from jobs.reporting.wording import by_worth
from jobs.scenarios.worth import Worth
from jobs.tracking.run_notes import parent_note, result_note
from tests.jobs.tracking.sample_results import SCENARIO, changed, make_result

RICH = SCENARIO.model_copy(update={"worth": Worth(auc_point=120_000, alignment=40_000, unit="EUR")})


def with_parts(today: float, future: float, **changes: object) -> LisResult:
    """Return a probe result with a table of T; half-widths are 0.002."""
    values = {"lis": today + future, "unleaked_gain": today, "leak_gain": future}
    ends = {
        f"{name}{end}": value + shift
        for name, value in values.items()
        for end, shift in (("_ci_low", -0.002), ("_ci_high", 0.002))
    }
    return make_result(**{"mode": "probe", **values, **ends, **changes})


STATIC = with_parts(0.2778, 0.0, leak_gain_ci_low=0.0, leak_gain_ci_high=0.0)
STATIC = changed(
    STATIC,
    preference="content_vector",
    verdict="already captured",
    verdict_reason="what the future adds to the data as available at T lies below the threshold",
)


def everywhere(result: LisResult, about: object = SCENARIO) -> list[str]:
    """Return every text that shows a result, without line breaks and signs that are escaped."""
    page = build_report(about, [result])  # type: ignore[arg-type]
    note, parent = result_note(about, result), parent_note(about, [result])  # type: ignore[arg-type]
    return [" ".join(text.replace("\\_", "_").split()) for text in (page, note, parent)]


def test_what_the_future_adds_and_what_is_available_today_are_told_apart() -> None:
    lis = "+0.2778 (95 % interval +0.2758 to +0.2798), but what the future adds is below"
    parts = "The future adds 0.0000 (0.0000 to 0.0000); +0.2778 (+0.2758 to +0.2798) is available"
    for text in everywhere(STATIC):
        assert lis in text
        assert f"{parts} today" in text
        assert "without any alignment" in text
    table = result_table([STATIC])
    assert table.splitlines()[0].split("verdict")[1].split()[:3] == ["future", "adds", "today"]
    assert table.splitlines()[2].split("captured")[1].split()[:2] == ["0.0000", "+0.2778"]
    assert "what the future adds to the data as available at T" in result_notes([STATIC], SCENARIO)


def test_the_table_of_swap_results_has_no_parts() -> None:
    header = result_table([make_result()]).splitlines()[0]
    assert "today" not in header
    assert result_notes([make_result()], SCENARIO) == ""


def test_a_result_in_one_line_has_lis_interval_verdict_and_reason() -> None:
    assert result_line(make_result(), SCENARIO) == (
        "2026-02-01, id_embedding, swap, n = 7: LIS +0.0150 (+0.0110 to +0.0190), worth aligning"
    )
    line = result_line(STATIC, SCENARIO)
    assert line.isascii()
    assert line.endswith(f"(+0.2758 to +0.2798), already captured: {STATIC.verdict_reason}")


REASON = "the leaked scores order every pair of held-out rows as the baseline does"


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        ("feature not used", REASON),
        ("too little data", "the leaked data covers 0% of the held-out rows, less than 50%"),
        ("placebo not zero", "the shuffled leak should gain nothing and gains +0.0031"),
    ],
)
def test_a_withheld_verdict_names_its_reason_everywhere(verdict: str, reason: str) -> None:
    result = make_result(verdict=verdict, verdict_reason=reason)
    for text in [*everywhere(result), result_notes([result], SCENARIO)]:
        assert reason in text
    assert headline(result, SCENARIO).startswith(f"{verdict.capitalize()}: leaking")
    assert f'class="verdict {verdict.replace(" ", "-")}"' in everywhere(result)[0]


def test_a_weak_ranker_is_shown_the_way_out() -> None:
    reason = "the ranker is weaker than counting: AUC 0.4960, popularity 0.5500; tune it first"
    weak = make_result(
        verdict="weak ranker", verdict_reason=reason, ranker_over_popularity_ci_high=-0.01
    )
    for text in [*everywhere(weak), result_notes([weak], SCENARIO)]:
        assert "lis tune --scenario small_feed" in text
    baseline = make_result(
        verdict="weak ranker",
        verdict_reason="the trained baseline",
        baseline_over_ranker_ci_high=-1,
    )
    assert "tune" not in headline(baseline, SCENARIO)


def test_a_corrected_verdict_says_for_how_many_looks() -> None:
    reason = "inconclusive after correction for 12 looks; alone: worth aligning"
    result = make_result(verdict="inconclusive", verdict_reason=reason, looks=12)
    for text in [*everywhere(result), result_notes([result], SCENARIO)]:
        assert reason in text
        assert "Verdicts are corrected for 12 looks (Holm)" in text


def test_the_interval_is_set_against_the_cost() -> None:
    result = make_result(lis=0.0075, lis_ci_low=0.0040, lis_ci_high=0.0110)
    expected = (
        "+0.0040 to +0.0110 AUC is worth 48,000 to 132,000 EUR; alignment costs 40,000 EUR, which "
        "+0.0033 AUC pays for, 44 % of this gain. The gain is an upper bound: a model may reach a "
        "small part of it."
    )
    for text in [*everywhere(result, RICH), result_notes([result], RICH)]:
        assert expected in text
    assert "EUR" not in headline(changed(result, verdict="weak ranker"), RICH)
    assert "EUR" not in headline(result, SCENARIO)


def test_what_the_future_adds_is_what_an_alignment_is_paid_for() -> None:
    assert "EUR" not in headline(STATIC, RICH)
    result = with_parts(0.05, 0.004)
    assert "+0.0020 to +0.0060 AUC is worth 24,000 to 72,000 EUR" in headline(result, RICH)


def test_the_ranker_stands_beside_simple_models() -> None:
    result = make_result(auc_ranker=0.7312, auc_popularity=0.7401, auc_logistic=0.7309)
    expected = "Held-out AUC of the ranker 0.7312, popularity 0.7401, logistic regression 0.7309."
    page, *notes = everywhere(result)
    assert 'data-label="AUC popularity">0.7401<' in page
    for text in [*notes, result_notes([result], SCENARIO)]:
        assert text.count(expected) == 1
    assert simple_models_sentence(make_result()) == ""
    assert "simple models" not in everywhere(make_result(mode=COMPARE))[0]


def test_results_are_sorted_by_worth() -> None:
    results = [
        STATIC,
        make_result(preference="sure", lis=0.02, lis_ci_low=0.018, lis_ci_high=0.022),
        make_result(preference="high", lis=0.03, lis_ci_low=0.012, lis_ci_high=0.048),
        make_result(preference="open", verdict="inconclusive"),
        make_result(preference="unused", verdict="feature not used"),
        with_parts(0.05, 0.016, preference="future"),
    ]
    order = ["sure", "future", "high", "open", "unused", "content_vector"]
    assert [result.preference for result in by_worth(results)] == order
    lines = result_table(results).splitlines()[2:]
    assert [line.split()[1] for line in lines] == order
    for text in (parent_note(SCENARIO, results), build_report(SCENARIO, results)):
        table = text[text.index("Preference") :].replace("\\_", "_")
        places = [table.index(name) for name in order]
        assert places == sorted(places)
