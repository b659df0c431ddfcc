"""Values of a log that would be code elsewhere are text in reports, plots and notes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date

import pytest
from markdown_it import MarkdownIt

from jobs.alignment.curation.curation_facts import EntryBalance, EntryKind
from jobs.evaluation.result import LisResult, Slice
from jobs.gate.decide import GateDecision, Outcome
from jobs.reporting.html_report import build_report
from jobs.reporting.plots import balance_figure, forest_figure, svg
from jobs.stats.estimate import Estimate
from jobs.tracking.run_notes import gate_note, parent_note, result_note
from tests.jobs.reporting.test_html_report import Page
from tests.jobs.tracking.sample_results import SCENARIO, make_result

HOSTILE = (
    "<script>alert(1)</script>\"' onload=x $\\frac$ {{ 1 }} {0} %s ![i](http://evil.example) |"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SUBJECT = SCENARIO.model_copy(update={"title": HOSTILE})
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def hostile_result() -> LisResult:
    slices = tuple(
        Slice(name, value, 500, 90, Estimate(0.002, -0.001, 0.005), stands_out=True)
        for name, value in (("category", HOSTILE), (HOSTILE, "new"), ("category", "$x" * 2_500))
    )
    changes = {"preference": f"a{HOSTILE}", "note": HOSTILE, "ranker_version": "a`b`"}
    return make_result(slices=slices, **changes)


def test_values_are_text_in_the_report_which_may_load_run_and_send_nothing() -> None:
    html = build_report(SUBJECT, [hostile_result()])
    head, _, _ = html.partition("<title>")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    assert head.index(policy) < head.index("viewport")
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "embed"}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") > 5
    assert "$\\frac$" in page.text


@pytest.mark.parametrize("width", [340, 1080])
def test_values_are_text_in_plots_and_no_formula(width: int) -> None:
    entries = [EntryBalance(EntryKind.CATEGORY, HOSTILE[25:], 9, 5)]
    for figure in (forest_figure([hostile_result()], width), balance_figure(entries, width)):
        drawing = svg(figure, "name", HOSTILE)
        root = ET.fromstring(drawing)
        assert root.attrib["aria-label"] == HOSTILE
        assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
        words = [text for text in root.itertext() if text.strip()]
        assert max(map(len, words)) < 150


def test_values_are_text_in_notes() -> None:
    decision = GateDecision(
        scenario="small_feed",
        ranker_version="ranker-1",
        as_of=date(2026, 2, 1),
        preference=HOSTILE,
        outcome=Outcome.FORCED,
        reason=HOSTILE,
        forced_because=HOSTILE,
        ground=None,
    )
    result = hostile_result()
    notes = [
        result_note(SUBJECT, result),
        parent_note(SUBJECT, [result]),
        parent_note(SUBJECT, [result] * 30),
        gate_note(decision),
    ]
    for note in notes:
        tokens = RENDERER.parse(note)
        kinds = {token.type for token in tokens}
        kinds |= {child.type for token in tokens for child in token.children or []}
        assert not kinds & {"html_block", "html_inline", "image", "link_open", "code_block"}
        assert "http://" not in note
        assert "<" not in note
        shown = "".join(
            child.content for token in tokens for child in token.children or [] if child.content
        )
        assert "<script>alert(1)</script>" in shown
        # MLflow takes no more.
        assert len(note) < 8_000
