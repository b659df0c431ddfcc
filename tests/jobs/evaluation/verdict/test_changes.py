"""Which verdicts count as changed."""

from __future__ import annotations

from datetime import date

from jobs.common.day_range import DayRange
from jobs.evaluation.verdict.changes import verdict_changes
from tests.jobs.tracking.sample_results import make_result

DAYS = DayRange(date(2026, 2, 3), date(2026, 2, 4))


def test_a_verdict_is_held_against_the_newest_day_before_with_one() -> None:
    verdicts = {"01": "inconclusive", "03": "worth aligning", "04": "worth aligning"}
    results = [make_result(as_of=f"2026-02-{day}", verdict=one) for day, one in verdicts.items()]
    [change] = verdict_changes(reversed(results), DAYS)
    assert str(change) == (
        "id_embedding, swap, n = 7: inconclusive as of 2026-02-01, worth aligning as of 2026-02-03"
    )
    # That of an earlier day was told when it was new.
    assert verdict_changes(results, DayRange.of_day(date(2026, 2, 4))) == []


def test_only_results_of_one_kind_are_compared() -> None:
    first = make_result(as_of="2026-02-02", verdict="inconclusive")
    others = [
        make_result(as_of="2026-02-03", **{name: value})
        for name, value in (
            ("horizon", 30),
            ("mode", "retrain"),
            ("preference", "next_click"),
            ("ranker_version", "ranker-2"),
            ("as_of", "2026-02-02:2026-02-03"),
        )
        if name != "as_of"
    ]
    pooled = make_result(as_of="2026-02-02:2026-02-03")
    assert verdict_changes([first, *others, pooled], DAYS) == []
