"""Labels that a rule makes alike are refused with the values found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest

from jobs.common.errors import InputError
from jobs.ingest.label_check import check_labels
from jobs.ingest.row_validation import DayCount
from jobs.scenarios import Scenario
from jobs.sources.log_checks import check_log
from jobs.sources.log_location import log_files
from jobs.sources.log_source import table_source

DAY, NEXT = date(2026, 1, 30), date(2026, 1, 31)
MakeScenario = Callable[..., Scenario]
WriteLog = Callable[..., str]


@pytest.fixture
def check(make_scenario: MakeScenario, write_log: WriteLog) -> Callable[..., None]:
    """Check a log of labels and the counts of its days."""

    def run(
        labels: Sequence[str],
        counts: dict[date, DayCount],
        *,
        others: bool = False,
        **source: object,
    ) -> None:
        rows = [(str(n), "1", "1", "1769731200", label, "") for n, label in enumerate(labels)]
        raw, scenario = write_log(rows), make_scenario(**source)
        log = table_source(scenario)
        check_labels(scenario, log, check_log(log, log_files(log, raw)), counts, others)

    return run


def day(rows: int, *labels: int, refused: int = 0) -> DayCount:
    reasons = {"label outside {0, 1}": refused} if refused else {}
    return DayCount(rows, reasons, frozenset(labels))


def test_both_labels_pass_whatever_else_is_refused(check: Callable[..., None]) -> None:
    check("012", {DAY: day(2, 0, 1, refused=9)})
    check("012", {DAY: day(1, 0), NEXT: day(1, 1, refused=9)})


def test_one_label_of_a_single_day_passes(check: Callable[..., None]) -> None:
    check("111", {DAY: day(300, 1, refused=2)})
    check("111", {DAY: day(3, 1), NEXT: day(3, 1)}, others=True)


@pytest.mark.parametrize("others", [True, False])
def test_minus_one_and_one_are_refused_with_what_was_found(
    check: Callable[..., None], others: bool
) -> None:
    counts = {DAY: day(1, 1, refused=2)}
    with pytest.raises(InputError, match=r"which holds '-1' \(2\), '1' \(1\): a ranker needs"):
        check(["-1", "1", "-1"], counts, others=others)


def test_a_rule_that_would_match_another_spelling_is_refused(check: Callable[..., None]) -> None:
    rule = {"label": {"equals": "click"}}
    for others in (True, False):
        with pytest.raises(InputError, match=r"equals: click\), which holds 'view' \(2\), 'Click'"):
            check(["view", "Click", "view"], {DAY: day(3, 0)}, others=others, **rule)


def test_a_day_without_clicks_passes_beside_other_days(check: Callable[..., None]) -> None:
    rule = {"label": {"equals": "click"}}
    check(["view", "view"], {DAY: day(2, 0)}, others=True, **rule)
    with pytest.raises(InputError, match=r"have label 0, .* which holds 'view' \(2\)"):
        check(["view", "view"], {DAY: day(2, 0)}, **rule)
