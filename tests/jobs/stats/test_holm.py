import math

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.stats.holm import holm

p_values = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=8)


def adjusted(values: list[float]) -> list[float]:
    """Holm's adjusted p-values: the running maximum of (m - rank) * p."""
    ranked = sorted(value for value in values if not math.isnan(value))
    steps = [(len(ranked) - rank) * value for rank, value in enumerate(ranked)]
    return [
        math.nan if math.isnan(value) else max(steps[: ranked.index(value) + ranked.count(value)])
        for value in values
    ]


@given(p_values, st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_rejects_what_the_adjusted_p_values_reject(values: list[float], alpha: float) -> None:
    expected = adjusted(values)
    near = any(math.isclose(value, alpha, rel_tol=1e-12) for value in expected)
    if not near:
        assert holm(values, alpha) == [value <= alpha for value in expected]


def test_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([math.nan, 0.04], 0.05) == [False, True]
    assert holm([], 0.05) == []
