"""What the gate decides, by the results that are stored."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.cli.parser import build_parser
from jobs.common.errors import InputError
from jobs.evaluation.verdict.decision import Verdict
from jobs.gate.decide import LONGEST_REASON, GateDecision, Outcome, gate_decision
from jobs.gate.newest_results import newest_date, scored_kinds
from jobs.lake import Lake
from tests.jobs.gate.stored_scores import CAPTURED, LUCKY, OPEN, WORTH, score, store
from tests.jobs.tracking.sample_results import SCENARIO

DAY = date(2026, 2, 1)
KIND = "id_embedding"
BOUNDED = settings(max_examples=30, deadline=None, derandomize=True)


def decided(lake: Lake, as_of: date = DAY, force: str | None = None) -> GateDecision:
    return gate_decision(lake, SCENARIO, KIND, as_of, force)


@BOUNDED
@given(
    verdicts=st.lists(st.sampled_from(Verdict), min_size=1, max_size=4),
    force=st.sampled_from([None, "the ads team asks for it"]),
)
def test_one_result_that_is_worth_aligning_opens_it(
    verdicts: list[Verdict], force: str | None
) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        # Without a p-value a verdict stays as it is stored.
        store(
            lake,
            *(
                score(OPEN, verdict=verdict, verdict_p_value=None, horizon=number)
                for number, verdict in enumerate(verdicts)
            ),
        )
        found = decided(lake, force=force)
    assert found.ground is not None
    if Verdict.WORTH_ALIGNING in verdicts:
        assert found.outcome == Outcome.PASSED
        assert found.ground.verdict == Verdict.WORTH_ALIGNING
        assert found.forced_because == ""
    else:
        assert found.outcome == (Outcome.REFUSED if force is None else Outcome.FORCED)
        assert found.forced_because == (force or "")
    assert found.opens == (found.outcome != Outcome.REFUSED)
    assert found.ground.verdict in str(found)


@BOUNDED
@given(days=st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True), newest_passes=...)
def test_the_newest_date_at_or_before_the_day_counts(days: list[int], newest_passes: bool) -> None:
    before = sorted(day for day in days if day <= 0)
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        for day in days:
            passes = newest_passes if before and day == before[-1] else not newest_passes
            as_of = (DAY + timedelta(days=day)).isoformat()
            store(lake, score(WORTH if passes else CAPTURED, as_of=as_of))
        found = decided(lake)
        newest = newest_date(lake, SCENARIO, DAY, KIND)
    assert newest == (DAY + timedelta(days=before[-1]) if before else None)
    assert found.opens == (bool(before) and newest_passes)
    if found.ground is not None:
        assert found.ground.last_day == newest


def test_a_date_on_which_only_other_data_was_scored_does_not_count(lake: Lake) -> None:
    later = (DAY + timedelta(days=1)).isoformat()
    store(lake, score(WORTH), score(CAPTURED, as_of=later, preference="next_click"))
    assert decided(lake, DAY + timedelta(days=1)).outcome == Outcome.PASSED
    assert newest_date(lake, SCENARIO) == DAY + timedelta(days=1)
    assert scored_kinds(lake, SCENARIO, DAY) == [KIND]


def test_results_of_another_ranker_do_not_count(lake: Lake) -> None:
    store(lake, score(WORTH, ranker_version="ranker-1"))
    assert decided(lake).ground is None
    assert newest_date(lake, SCENARIO) is None


@pytest.mark.parametrize(
    ("pooled", "longer", "opens"),
    [(WORTH, CAPTURED, False), (CAPTURED, WORTH, True)],
)
def test_the_longest_range_that_ends_on_the_date_counts_before_its_days(
    lake: Lake, pooled: float, longer: float, opens: bool
) -> None:
    store(
        lake,
        score(pooled),
        score(pooled, as_of="2026-01-30:2026-02-01"),
        score(longer, as_of="2026-01-20:2026-02-01"),
        # Pooled days that end on another date are another family.
        score(pooled, as_of="2026-01-20:2026-01-31"),
    )
    found = decided(lake)
    assert found.opens == opens
    assert found.ground is not None
    assert found.ground.as_of == "2026-01-20:2026-02-01"


def test_a_single_day_counts_in_a_mode_that_was_not_pooled(lake: Lake) -> None:
    store(lake, score(CAPTURED, as_of="2026-01-30:2026-02-01"), score(WORTH, mode="retrain"))
    found = decided(lake)
    assert found.ground is not None
    assert (found.outcome, found.ground.mode) == (Outcome.PASSED, "retrain")


def test_a_verdict_is_corrected_for_all_results_of_its_date(lake: Lake) -> None:
    """A p-value of 0.03 opens the gate alone, but not as one of a dozen looks."""
    store(lake, score(LUCKY))
    assert decided(lake).opens
    store(lake, *(score(OPEN, preference=f"kind_{number}") for number in range(11)))
    found = decided(lake)
    assert not found.opens
    assert "inconclusive after correction for 12 looks" in found.reason


def test_among_several_the_strongest_is_the_ground(lake: Lake) -> None:
    store(lake, score(WORTH), score(2 * WORTH, horizon=30), score(CAPTURED, horizon=14))
    ground = decided(lake).ground
    assert ground is not None
    assert ground.horizon == 30
    # Of equal results the order of storing does not decide.
    store(lake, score(2 * WORTH, horizon=3))
    ground = decided(lake).ground
    assert ground is not None
    assert ground.horizon == 3


def test_a_refusal_names_the_result_and_what_is_missing(lake: Lake) -> None:
    store(lake, score(OPEN, rows_needed=40_000))
    found = decided(lake)
    assert found.reason.startswith("LIS +0.0012 (")
    assert "is inconclusive: the interval crosses the threshold of 0.0010" in found.reason
    assert "about 40,000 held-out rows would decide, it has 20,000" in found.reason
    assert "--force" in found.way_out


def test_without_any_result_it_names_a_command_that_exists(lake: Lake) -> None:
    found = decided(lake)
    assert found.outcome == Outcome.REFUSED
    assert found.reason == "no LIS of it is stored as of 2026-02-01 or earlier"
    program, *arguments = found.way_out.removeprefix("run ").split()
    assert program == "lis"
    options = build_parser().parse_args(arguments)
    assert (options.command, options.preference) == ("lis", (KIND,))
    assert (options.as_of.first, options.as_of.last) == (DAY, DAY)


@pytest.mark.parametrize("force", ["", "  ", "\n", "x" * (LONGEST_REASON + 1)])
def test_a_blank_or_endless_reason_is_refused(tmp_path: Path, force: str) -> None:
    with pytest.raises(InputError, match=r"^force: the reason"):
        decided(Lake(str(tmp_path)), force=force)
