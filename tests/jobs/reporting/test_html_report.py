"""Contract of the report, its wording and the terminal table."""

from __future__ import annotations

import math
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import Slice
from jobs.evaluation.verdict.decision import Verdict
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.reporting import glossary, verdict_text, wording
from jobs.reporting.html_report import Axis, build_report, compared_versions
from jobs.reporting.result_text import result_table
from jobs.stats.estimate import Estimate
from tests.jobs.tracking.sample_results import SCENARIO, changed, make_result

VOID = {"meta", "br", "line", "path", "use", "rect", "link", "img", "hr", "circle"}


class Page(HTMLParser):
    """Collects ids, tags and text of a page, and checks that its tags nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if "id" in named:
            self.ids.append(str(named["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += " " + " ".join(data.split())


INCONCLUSIVE = make_result(
    preference="next_click",
    mode="retrain",
    lis=-0.0004,
    lis_ci_low=-0.003,
    lis_ci_high=0.0022,
    verdict="inconclusive",
    rows_needed=200_000,
    slices=(Slice("item age", "new", 500, 90, Estimate(0.002, -0.001, 0.005)),),
    note="The log lacks one hour.",
    placebo=0.0001,
    placebo_ci_low=-0.0012,
    placebo_ci_high=0.0014,
    unleaked_gain=0.0021,
    unleaked_gain_ci_low=0.0001,
    unleaked_gain_ci_high=0.0041,
    leak_gain=-0.0025,
    leak_gain_ci_low=-0.0065,
    leak_gain_ci_high=0.0015,
    seeds=3,
    seed_sd=0.0007,
    fit_days=28,
    lookback_days=14,
)


def test_the_page_holds_all_that_a_decision_needs() -> None:
    text = Page(build_report(SCENARIO, [make_result(), INCONCLUSIVE])).text
    for expected in (
        "Small feed",
        "Leaking the item-ID embeddings that the ranker will hold 7 days later raises held-out "
        "AUC by +0.0150 (95 % interval +0.0110 to +0.0190), above the threshold of 0.0010.",
        "In the order of 200,000 held-out rows would settle it.",
        "\N{MINUS SIGN}0.0030 to +0.0022",
        "200,000",
        "+0.0600",
        "+0.0450",
        "0.7000",
        "0.7150",
        "0.6500",
        "\N{MINUS SIGN}0.0060",
        "93.0 %",
        "20,000",
        "item age: new",
        "days before 2026-02-08",
        "The log lacks one hour.",
        "+0.0001",
        "±0.0013",
        "+0.0021",
        "\N{MINUS SIGN}0.0025",
        "0.0007",
        "fit rows from 2026-01-04, before 2026-02-01",
        "to 2026-01-25 (14 days)",
        "d" * 64,
        "abc1234",
        "ranker-1",
    ):
        assert expected in text


def test_the_page_loads_nothing_from_elsewhere() -> None:
    html = build_report(SCENARIO, [make_result(), make_result(as_of="2026-02-02")])
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object"}
    for _, attrs in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith("#")
    assert "@import" not in html
    assert all(address.startswith("#") for address in re.findall(r"url\((.*?)\)", html))
    assert len(page.ids) == len(set(page.ids))


def test_tables_are_captioned_and_their_headers_scoped() -> None:
    page = Page(build_report(SCENARIO, [make_result(), INCONCLUSIVE]))
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert tables == sum(tag == "caption" for tag, _ in page.tags) > 0
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in page.tags if tag == "th")
    pictures = [attrs for tag, attrs in page.tags if tag == "svg" and "role" in attrs]
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in pictures)


def test_the_meaning_of_every_heading_stands_at_the_heading_and_on_the_page() -> None:
    versions = ["ranker-0", "ranker-1"]
    days = {"first": date(2026, 1, 26), "last": date(2026, 2, 1)}
    slots = [SlotImportance("user_id", 0.031, 0.001, 0.029, 0.033, 12_345, 901, **days)]
    others = [make_result(ranker_version=version) for version in versions]
    pooled = make_result(as_of="2026-02-01:2026-02-02", auc_ranker=0.7, auc_popularity=0.6)
    results = [pooled, changed(INCONCLUSIVE, as_of="2026-02-01:2026-02-02"), make_result()]
    page = Page(build_report(SCENARIO, results, others, slots))
    tables = [attrs for tag, attrs in page.tags if tag == "th" and attrs["scope"] == "col"]
    without = [attrs for attrs in tables if not attrs.get("title")]
    assert len(tables) > 60
    assert len(without) == len(versions)
    assert all(str(attrs["title"]) in page.text for attrs in tables if attrs.get("title"))


def test_every_verdict_is_explained_where_it_stands_and_in_the_end() -> None:
    assert set(glossary.VERDICTS) == set(Verdict)
    results = [make_result(preference=f"of {one}", verdict=one.value) for one in Verdict]
    page = Page(build_report(SCENARIO, results))
    titles = {attrs["title"] for tag, attrs in page.tags if tag == "span" and "title" in attrs}
    assert titles == set(glossary.VERDICTS.values())
    for name, meaning in glossary.VERDICTS.items():
        assert page.text.count(meaning) == 2, name


def test_p_values_that_four_digits_cannot_tell_from_0_say_so() -> None:
    part = Slice("item age", "new", 500, 90, Estimate(0.002, -0.001, 0.005), p_value=3e-5)
    result = make_result(p_value=2e-9, verdict_p_value=0.0, slices=(part,))
    page = Page(build_report(SCENARIO, [result]))
    assert page.text.count("< 0.0001") == 3
    shown = {
        figure.name: wording.value_text(figure, result.value(figure))
        for figure in all_figures()
        if "p-value" in figure.description
    }
    assert shown == {"p_value": "< 0.0001", "verdict_p_value": "< 0.0001"}
    assert [wording.p_value(one) for one in (0.0001, 0.04999, math.nan)] == [
        "0.0001",
        "0.0500",
        wording.MISSING,
    ]


def test_no_text_becomes_markup() -> None:
    bad = "<script>alert('x')</script>\"&"
    result = make_result(
        preference=bad,
        mode=bad,
        note=bad,
        code_version=bad,
        ranker_version=bad,
        slices=(Slice(bad, bad, 1, 1, Estimate(0.0, 0.0, 0.0)),),
    )
    scenario = SCENARIO.model_copy(update={"title": bad})
    html = build_report(scenario, [result])
    assert "<script" not in html
    assert bad in Page(html).text


def test_the_pooled_result_leads_and_the_days_stay_in_reach() -> None:
    days = [make_result(as_of=f"2026-02-0{day}", lis=0.01 * day) for day in (1, 2)]
    pooled = make_result(as_of="2026-02-01:2026-02-02", lis=0.0155, dates=2, dates_skipped=1)
    page = Page(build_report(SCENARIO, [*days, pooled]))
    head = page.text.split("Decision")[0]
    assert "+0.0155" in head
    assert "+0.0200" not in head
    assert "pooled over 2 days" in head
    assert "+0.0200" in page.text
    assert "LIS of each day" in page.text
    assert "1 day had one class only" in page.text


def warned(html: str) -> list[str]:
    aside = re.search(r"<aside.*?</aside>", html, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", aside.group(), re.DOTALL) if aside else []


def test_a_placebo_that_gains_or_loses_gives_a_warning() -> None:
    assert warned(build_report(SCENARIO, [make_result(), INCONCLUSIVE])) == []
    for low, high, odd in ((0.0001, 0.002, True), (-0.002, -0.0001, True), (0.0, 0.001, False)):
        result = changed(INCONCLUSIVE, placebo_ci_low=low, placebo_ci_high=high)
        html = build_report(SCENARIO, [result])
        warnings = warned(html)
        assert len(warnings) == odd
        assert all("next_click, retrain, 7 days of leak: the placebo gains" in s for s in warnings)
        assert ('class="odd"' in html) == odd
        assert ("!" in result_table([result])) == odd


def test_data_that_has_or_may_have_seen_held_out_labels_gives_one_warning() -> None:
    results = [
        make_result(preference="custom", eval_rows_seen="yes", horizon=n) for n in (7, 30)
    ] + [make_result(preference="other", eval_rows_seen="unknown")]
    warnings = warned(build_report(SCENARIO, results))
    assert len(warnings) == 2
    assert "custom: Labels of held-out rows went into the leaked data" in warnings[0]
    assert "other: Labels of held-out rows may have gone" in warnings[1]


def test_many_results_are_summarised_by_verdict_and_all_are_in_the_table() -> None:
    results = [
        make_result(preference=f"kind_{kind}", lis=0.001 * kind + 0.0002, verdict=verdict)
        for kind, verdict in enumerate(["already captured"] + ["worth aligning"] * 8)
    ]
    text = Page(build_report(SCENARIO, results)).text
    head, _, below = text.partition("Decision")
    assert "8 of 9 results" in head
    assert "1 of 9 results" in head
    assert head.index("kind_8") < head.index("kind_7")
    assert "and 2 more below" in head
    assert all(f"kind_{kind}" in below for kind in range(9))


def test_ranker_versions_are_compared_on_the_latest_day_that_they_share() -> None:
    old = [
        make_result(as_of=f"2026-02-0{day}", ranker_version="ranker-0", lis=0.02 + 0.001 * day)
        for day in (1, 2)
    ]
    new = [make_result(as_of=f"2026-02-0{day}", lis=0.01 + 0.001 * day) for day in (2, 3)]
    (found,) = compared_versions([*old, *new])
    assert found.as_of == "2026-02-02"
    assert {name: one.lis for name, one in found.by_version.items()} == {
        "ranker-0": 0.022,
        "ranker-1": 0.012,
    }
    section = Page(build_report(SCENARIO, new[1:], [*old, *new])).text
    assert "Ranker versions side by side" in section
    assert "+0.0220" in section
    assert compared_versions(new) == []
    assert "side by side" not in Page(build_report(SCENARIO, new)).text


def test_importances_of_slots_are_drawn_and_listed_only_where_they_are_given() -> None:
    days = {"first": date(2026, 1, 26), "last": date(2026, 2, 1)}
    slots = [
        SlotImportance("user_id", 0.031, 0.001, 0.029, 0.033, 12_345, 901, **days),
        SlotImportance("<place>", -0.0002, math.nan, math.nan, math.nan, 12_345, 901, **days),
    ]
    without = build_report(SCENARIO, [make_result()])
    assert "AUC lost" not in without
    html = build_report(SCENARIO, [make_result()], importances=slots)
    page = Page(html)
    _, _, section = page.text.partition("AUC lost without each embedding slot")
    for expected in (
        "permuted among the rows of a day; lines are 95 % intervals.",
        "held-out rows of 2026-01-26 to 2026-02-01",
        "+0.0310",
        "+0.0290 to +0.0330",
        "\N{MINUS SIGN}0.0002",
        "12,345",
        "901",
    ):
        assert expected in section
    assert section.rindex("user_id") < section.rindex("<place>")
    labels = [attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg"]
    label = "AUC lost, by slot. user_id: +0.0310; <place>: \N{MINUS SIGN}0.0002"
    assert labels.count(label) == 2
    assert len(page.ids) == len(set(page.ids))
    added = [tag for tag, _ in page.tags].count("table")
    assert added == [tag for tag, _ in Page(without).tags].count("table") + 1


def test_pooled_windows_are_relative_to_each_day() -> None:
    pooled = make_result(as_of="2026-02-01:2026-02-03", fit_days=28, lookback_days=14)
    assert wording.windows(pooled) == {
        "Evaluated rows": "each day T from 2026-02-01 to 2026-02-03",
        "Baseline has seen": "days before T",
        "Leaked data has seen": "days before T + 7",
        "Looks back": "to T + 7 \N{MINUS SIGN} 14 (14 days)",
        "Trained on": "fit rows from T \N{MINUS SIGN} 28, before T",
    }


def test_the_trend_needs_two_days() -> None:
    assert "LIS of each day" not in Page(build_report(SCENARIO, [make_result()])).text
    earlier = [make_result(as_of="2026-01-31")]
    text = Page(build_report(SCENARIO, [make_result()], previous=earlier)).text
    assert "from 2026-01-31 to 2026-02-01" in text


def test_figures_that_could_not_be_computed_leave_a_dash() -> None:
    floats = ("lis", "lis_ci_low", "lis_ci_high", "lis_seen", "memorisation", "auc_leaked")
    result = make_result(verdict="inconclusive", **dict.fromkeys(floats, math.nan))
    html = build_report(SCENARIO, [result])
    assert not re.search(r"\bnan\b", Page(html).text.lower())
    assert "gives no figure" in html


def test_the_same_results_give_the_same_bytes() -> None:
    results = [make_result(), INCONCLUSIVE, make_result(as_of="2026-02-02")]
    assert build_report(SCENARIO, results) == build_report(SCENARIO, results[::-1])


def test_a_report_without_results_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a result"):
        build_report(SCENARIO, [])


def test_the_axis_has_room_for_intervals_threshold_and_zero() -> None:
    axis = Axis.of([make_result(), INCONCLUSIVE])
    for value in (0.0, 0.001, -0.003, 0.019):
        assert 0 < float(axis.place(value)) < 100
    assert Axis.of([make_result(lis=math.nan)]).low < 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.01234, "+0.0123"),
        (-0.5, "\N{MINUS SIGN}0.5000"),
        (0.0, "0.0000"),
        (-0.00001, "0.0000"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_differences_carry_their_sign(value: float, expected: str) -> None:
    assert wording.signed(value) == expected


def test_the_headline_begins_with_the_verdict() -> None:
    sentence = verdict_text.headline(make_result(verdict="already captured", lis=0.0002), SCENARIO)
    assert sentence.startswith("Already captured: leaking the item-ID embeddings")
    assert "95 % interval" in sentence


def test_the_table_is_aligned_ascii_with_figures_and_verdict() -> None:
    lines = result_table([INCONCLUSIVE, make_result(horizon=30)]).splitlines()
    assert all(line.isascii() for line in lines)
    assert len(lines) == 4
    end = lines[0].index("LIS") + 3
    assert lines[2][:end].endswith("+0.0150")
    assert lines[3][:end].endswith("-0.0004")
    assert "-0.0030 to +0.0022" in lines[3]
    assert "inconclusive" in lines[3]
    assert result_table([]) == "no results"
