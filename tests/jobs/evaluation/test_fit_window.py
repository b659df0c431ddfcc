from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.common.errors import InputError
from jobs.evaluation.fit_window import fit_days
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_partition, starting_ranker_days
from jobs.scenarios import FitOptions, RankerOptions, Scenario, SimulatedSource

FIRST = date(2026, 2, 20)
RANKERS = 20


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def scenario_of(days: int) -> Scenario:
    fit = FitOptions(days=days)
    return Scenario(name="tiny", source=SimulatedSource(), fit=fit)


@pytest.fixture
def trained(lake: Lake) -> Lake:
    """Rankers of days 0 to 19; that of day 0 has seen nothing."""
    for number in range(RANKERS):
        partition = checkpoint_partition(scenario_of(1), day(number))
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
            attempt.publish(partition, inputs={})
    return lake


def window_of(lake: Lake, scenario: Scenario, as_of: date) -> list[date]:
    return fit_days(scenario, starting_ranker_days(lake, scenario), as_of)


@given(width=st.integers(1, 30), as_of=st.integers(2, 40))
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    # No example changes the lake.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_window_is_half_open_and_excludes_the_first_day_of_the_lineage(
    trained: Lake, width: int, as_of: int
) -> None:
    expected = [day(n) for n in range(1, RANKERS) if as_of - width <= n < as_of]
    if expected:
        assert window_of(trained, scenario_of(width), day(as_of)) == expected
    else:
        with pytest.raises(InputError):
            window_of(trained, scenario_of(width), day(as_of))


@pytest.mark.parametrize("as_of", [-1, 0, 1])
def test_a_day_without_any_ranker_before_it_is_refused(trained: Lake, as_of: int) -> None:
    with pytest.raises(
        InputError, match="of the 7 days before, and tiny has none of them"
    ) as refused:
        window_of(trained, scenario_of(7), day(as_of))
    assert str(refused.value).startswith(f"as of {day(as_of)}: ")
    assert "\n" not in str(refused.value)


def test_rankers_of_another_design_do_not_count(trained: Lake) -> None:
    other = scenario_of(7).model_copy(update={"ranker": RankerOptions(seed=5)})
    with pytest.raises(InputError):
        window_of(trained, other, day(9))
