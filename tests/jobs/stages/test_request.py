"""Which kinds and modes a request resolves to, and whether its scores are due."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError, NotDue
from jobs.lake import Lake, Partition
from jobs.lake.addresses import checkpoint_partition, snapshot_partition
from jobs.scenarios import ImportedSnapshots, Mode, RankerOptions, Scenario, SimulatedSource
from jobs.stages.request import DueScores, parse_due, requested_kinds, require_due
from jobs.stages.score_options import LeakOptions

FIRST = date(2026, 1, 1)
SCENARIO = Scenario(name="tiny", source=SimulatedSource())
OTHER = SCENARIO.model_copy(update={"ranker": RankerOptions(seed=5)})
IMPORTS = SCENARIO.model_copy(update={"snapshots": ImportedSnapshots(path="exports/{ds}")})


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def due(first: int, last: int, *horizons: int) -> DueScores:
    return DueScores(DayRange(day(first), day(last)), horizons)


def publish(lake: Lake, *partitions: Partition) -> None:
    for partition in partitions:
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
            attempt.publish(partition, inputs={})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Rankers of days 1 to 5; another ranker version on days 3 and 4; item tables to match."""
    lake = Lake(str(tmp_path))
    for scenario, numbers in ((SCENARIO, range(1, 6)), (OTHER, range(3, 5))):
        for number in numbers:
            publish(lake, checkpoint_partition(scenario, day(number)))
            publish(lake, snapshot_partition(scenario, day(number)))
    publish(lake, *(Partition("impressions", "tiny", day(number)) for number in range(1, 8)))
    return lake


def test_each_ranker_version_is_due_by_its_lineage(lake: Lake) -> None:
    require_due(lake, SCENARIO, due(2, 3, 1, 2))
    with pytest.raises(NotDue, match="lineage of tiny reaches 2026-01-05"):
        require_due(lake, SCENARIO, due(3, 3, 3))
    require_due(lake, OTHER, due(4, 4, 0))
    with pytest.raises(NotDue, match="lineage of tiny reaches 2026-01-04"):
        require_due(lake, OTHER, due(4, 4, 1))
    with pytest.raises(InputError, match="starts on 2026-01-03, and its first ranker is untrained"):
        require_due(lake, OTHER, due(3, 3, 1))


def test_a_ranker_whose_item_table_is_missing_is_not_due(lake: Lake) -> None:
    publish(lake, checkpoint_partition(SCENARIO, day(6)))
    line = "ranker of 2026-01-06, but the item tables of tiny reach 2026-01-05: run lis train"
    with pytest.raises(NotDue, match=line):
        require_due(lake, SCENARIO, due(6, 6, 0))


def test_a_ranker_version_without_a_lineage_is_not_due(lake: Lake) -> None:
    untrained = SCENARIO.model_copy(update={"ranker": RankerOptions(seed=6)})
    with pytest.raises(NotDue, match="has no lineage yet") as refused:
        require_due(lake, untrained, due(3, 3, 1))
    assert refused.value.waits_for == "2026-01-02"


def test_only_a_requested_horizon_is_named(lake: Lake) -> None:
    with pytest.raises(NotDue, match="as of 2026-01-07: the baseline needs the ranker") as refused:
        require_due(lake, SCENARIO, due(7, 7, 3))
    assert "horizon" not in str(refused.value)
    with pytest.raises(NotDue, match="horizon 0 needs the ranker of 2026-01-07"):
        require_due(lake, SCENARIO, due(7, 7, 0))


def test_modes_are_those_of_the_scenario_unless_some_are_chosen(lake: Lake) -> None:
    scenario = SCENARIO.model_copy(update={"modes": (Mode.PROBE, Mode.RETRAIN)})
    days = DayRange(day(2), day(2))
    for options, modes in (
        (LeakOptions(), [Mode.RETRAIN, Mode.PROBE]),
        (LeakOptions(mode=(Mode.SWAP,)), [Mode.SWAP]),
    ):
        request = options.request(lake, scenario, days, None)
        assert [one.mode for one in request.kinds] == modes


def test_imported_vectors_need_no_lineage(lake: Lake) -> None:
    with pytest.raises(NotDue, match=r"item vectors of 2026-01-04, but .* are not imported yet"):
        require_due(lake, IMPORTS, due(4, 4, 3))
    publish(lake, *(snapshot_partition(IMPORTS, day(number)) for number in range(3, 8)))
    require_due(lake, IMPORTS, due(4, 4, 0, 3))
    with pytest.raises(NotDue, match=r"horizon 4 needs .*exports/{ds} reach 2026-01-07"):
        require_due(lake, IMPORTS, due(4, 4, 4))


def test_repeated_kinds_and_modes_count_once() -> None:
    modes = [Mode.PROBE, Mode.PROBE, Mode.RETRAIN]
    kinds = requested_kinds(SCENARIO, ["next_click", "next_click"], modes)
    assert [(one.kind.name, one.mode) for one in kinds] == [
        ("next_click", "retrain"),
        ("next_click", "probe"),
    ]


def test_imported_vectors_can_only_be_scored_in_retrain_mode() -> None:
    [only] = requested_kinds(IMPORTS, ["id_embedding"], list(Mode))
    assert only.mode == "retrain"
    with pytest.raises(InputError, match="cannot be scored in mode probe: it takes retrain"):
        requested_kinds(IMPORTS, ["id_embedding"], [Mode.PROBE])


def test_horizons_of_equal_days_are_put_together() -> None:
    assert parse_due("") == ()
    text = "7@2026-01-03:2026-01-04, 3@2026-01-05,1@2026-01-03:2026-01-04,3@2026-01-05"
    assert parse_due(text) == (due(3, 4, 7, 1), due(5, 5, 3))


@pytest.mark.parametrize("text", ["7", "week@2026-01-03", "-7@2026-01-03", "7@soon", "7@"])
def test_a_horizon_without_its_date_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write"):
        parse_due(text)
