"""Statistics equal those of a plain loop, see nothing that they must not, and are built by days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jobs.ingest.impression_statistics import RECENT_COUNTS, build_statistics
from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Fold, Scenario
from tests.oracles import statistics_loop

Row = dict[str, Any]
MakeScenario = Callable[..., Scenario]
Bytes = Callable[..., dict[str, bytes]]
FIRST = date(2027, 12, 20)
SECONDS = (0, 0.000001, 3600, 3600.5, 86_399.999999)
# With gaps of a day, a week, and the longest window, each also one day longer.
DAYS = (0, 1, 3, 8, 9, 37, 38)
CONTEXT = ("day", "place")


def scenario_of(make_scenario: MakeScenario, ids: str = "int64") -> Scenario:
    """A scenario with two context fields, one of them with the name of a column of the job."""
    columns = {name: name for name in ("impression_id", "user_id", "item_id", "ts", "label")}
    context = {name: name for name in CONTEXT}
    return make_scenario(context=CONTEXT, columns={**columns, "context": context}, ids=ids)


def row(number: int, ids: str, **values: Any) -> Row:
    """One impression; ``user`` and ``item`` are numbers, ``day`` and ``second`` give its ts."""
    start = datetime.combine(FIRST + timedelta(days=values["day"]), time(), UTC)
    kind = int if ids == "int64" else "id{}".format
    return {
        # Rows that tie in ts are not in the order in which they are drawn.
        "impression_id": kind(number * 37 % 1009),
        "user_id": kind(values["user"]),
        "item_id": kind(values["item"]),
        "ts": start + timedelta(seconds=values["second"]),
        "label": values["label"],
        "fold": values["fold"],
        "day": values["of_day"],
        "place": values["place"],
    }


def logs(ids: str) -> st.SearchStrategy[list[Row]]:
    rows = st.fixed_dictionaries(
        {
            "day": st.sampled_from(DAYS),
            "second": st.sampled_from(SECONDS),
            "user": st.integers(1, 3),
            "item": st.integers(1, 3),
            "label": st.integers(0, 1),
            "fold": st.sampled_from([fold.value for fold in Fold] + [Fold.LINEAGE.value]),
            "of_day": st.sampled_from(["early", "late", None]),
            "place": st.sampled_from(["home", "", None]),
        }
    )
    numbered = st.lists(rows, min_size=1, max_size=60)
    return numbered.map(lambda drawn: [row(n, ids, **one) for n, one in enumerate(drawn)])


def publish(lake: Lake, scenario: Scenario, log: list[Row]) -> list[date]:
    """Publish the impressions of the days that have rows, and return these days."""
    schema = schemas.impressions(scenario)
    days = sorted({one["ts"].date() for one in log})
    for day in days:
        rows = [one for one in log if one["ts"].date() == day]
        publish_day(lake, scenario, day, pa.Table.from_pylist(rows, schema))
    return days


def publish_day(lake: Lake, scenario: Scenario, day: date, rows: pa.Table) -> None:
    ordered = rows.sort_by([("ts", "ascending"), ("impression_id", "ascending")])
    partition = Partition("impressions", scenario.name, day)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", ordered)
        attempt.publish(partition, inputs={}, schema=rows.schema)


def built(lake: Lake, day: date) -> list[Row]:
    rows: list[Row] = lake.read(Partition("statistics", "tiny", day)).to_pylist()
    return rows


def assert_equals_the_loop(lake: Lake, log: list[Row]) -> None:
    for day in sorted({one["ts"].date() for one in log}):
        assert built(lake, day) == statistics_loop.statistics(log, day, CONTEXT)


@pytest.mark.parametrize("ids", ["int64", "string"])
@given(data=st.data())
@settings(
    max_examples=4,
    deadline=None,
    # Each example is a run of Spark: shrinking one would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_statistics_equal_those_of_a_loop(
    make_scenario: MakeScenario, published_bytes: Bytes, ids: str, data: st.DataObject
) -> None:
    """All days at once, and day by day or in parts: with the same bytes."""
    scenario, log = scenario_of(make_scenario, ids), data.draw(logs(ids))
    with TemporaryDirectory() as folder:
        at_once, in_parts = Lake(f"{folder}/at-once"), Lake(f"{folder}/in-parts")
        days = publish(at_once, scenario, log)
        publish(in_parts, scenario, log)
        assert build_statistics(at_once, scenario, days[-1]) == days
        assert_equals_the_loop(at_once, log)
        ends = data.draw(st.sets(st.sampled_from(days)), label="ends")
        for end in sorted({*ends, days[-1]}):
            build_statistics(in_parts, scenario, end)
        assert published_bytes(at_once, "statistics") == published_bytes(in_parts, "statistics")
        state = Partition(RECENT_COUNTS, "tiny", days[-1])
        assert at_once.manifest(state) == in_parts.manifest(state)
