import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from jobs.evaluation.verdict.decision import Verdict, decide, rows_needed


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0011, 0.0030, Verdict.WORTH_ALIGNING),
        (-0.0004, 0.0009, Verdict.ALREADY_CAPTURED),
        (-0.0020, -0.0012, Verdict.ALREADY_CAPTURED),
        (0.0002, 0.0030, Verdict.INCONCLUSIVE),
        (0.0010, 0.0030, Verdict.INCONCLUSIVE),
        (0.0002, 0.0010, Verdict.INCONCLUSIVE),
        (0.0, 0.0, Verdict.ALREADY_CAPTURED),
    ],
)
def test_interval_against_the_default_threshold(low: float, high: float, expected: Verdict) -> None:
    assert decide((low + high) / 2, low, high) is expected


def test_the_threshold_can_be_chosen() -> None:
    assert decide(0.003, 0.002, 0.004, threshold=0.005) is Verdict.ALREADY_CAPTURED
    assert decide(0.003, 0.002, 0.004, threshold=0.0) is Verdict.WORTH_ALIGNING


@pytest.mark.parametrize("position", range(4))
def test_nan_is_inconclusive(position: int) -> None:
    values = [0.01, 0.009, 0.011, 0.001]
    values[position] = math.nan
    assert decide(*values) is Verdict.INCONCLUSIVE


def test_verdicts_read_as_the_results_contract_spells_them() -> None:
    assert [str(verdict) for verdict in Verdict] == [
        "worth aligning",
        "already captured",
        "inconclusive",
        "feature not used",
        "too little data",
        "weak ranker",
        "placebo not zero",
    ]


def interval(difference: float, se: float, level: float) -> tuple[float, float]:
    low, high = norm.interval(level, loc=difference, scale=se)
    return float(low), float(high)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=st.integers(100, 10_000_000),
    difference=st.floats(-0.01, 0.01),
    se=st.floats(1e-6, 0.01),
    level=st.sampled_from([0.8, 0.95, 0.99]),
)
def test_the_rows_needed_are_just_enough(
    rows: int, difference: float, se: float, level: float
) -> None:
    assume(abs(difference - 0.001) > 1e-5)
    needed = rows_needed(rows, difference, se, level=level)
    verdict = decide(difference, *interval(difference, se, level))
    assert (needed is None) == (verdict is not Verdict.INCONCLUSIVE)
    if needed is not None:
        more = se * math.sqrt(rows / (needed * 1.001))
        fewer = se * math.sqrt(rows / (needed * 0.98))
        assert needed >= rows
        assert decide(difference, *interval(difference, more, level)) is not Verdict.INCONCLUSIVE
        assert decide(difference, *interval(difference, fewer, level)) is Verdict.INCONCLUSIVE


def test_half_the_distance_needs_four_times_the_rows() -> None:
    near = rows_needed(20_000, difference=0.0015, se=0.001)
    far = rows_needed(20_000, difference=0.0020, se=0.001)
    assert far == 76_830  # 20,000 x 1.959964^2, rounded up
    assert near == pytest.approx(4 * far, abs=4)


@pytest.mark.parametrize(
    ("difference", "se"),
    [(0.001, 0.01), (math.nan, 0.01), (0.02, math.nan), (0.02, 0.001), (0.02, 0.0)],
)
def test_no_number_when_conclusive_or_not_computable(difference: float, se: float) -> None:
    assert rows_needed(1_000, difference, se) is None


def test_no_number_when_it_would_overflow() -> None:
    assert rows_needed(1_000, 5e-324, 1.0, threshold=0.0) is None


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_level_must_lie_between_zero_and_one(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        rows_needed(1_000, 0.002, 0.001, level=level)


def test_rows_needed_leaves_the_fixed_part_as_it_is() -> None:
    se_users, se_seeds, score = 0.0008, 0.0003, norm.ppf(0.975)
    se = math.hypot(se_users, se_seeds)
    needed = rows_needed(1_000, 0.0020, se, 0.0010, se_fixed=se_seeds)
    assert needed is not None
    for rows, clear in ((needed, True), (needed - 2, False)):
        half_width = score * math.hypot(se_users * math.sqrt(1_000 / rows), se_seeds)
        assert (half_width < 0.0010) == clear
    assert needed > (rows_needed(1_000, 0.0020, se, 0.0010) or 0)


def test_no_rows_help_where_the_fixed_part_alone_crosses() -> None:
    assert rows_needed(1_000, 0.0020, 0.0010, 0.0010, se_fixed=0.0006) is None
