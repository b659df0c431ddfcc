"""Statistics equal those of a plain loop, see nothing that they must not, and are built by days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.errors import AuditError, InputError
from jobs.ingest import impression_statistics
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
    numbered = st.lists(rows, min_size=20, max_size=60)
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


@pytest.mark.parametrize("ids", ["int64", pytest.param("string", marks=pytest.mark.slow)])
@given(data=st.data())
@settings(
    max_examples=2,
    deadline=None,
    # Each example is a run of Spark: shrinking one would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_statistics_equal_those_of_a_loop(
    make_scenario: MakeScenario, published_bytes: Bytes, ids: str, data: st.DataObject
) -> None:
    """All days at once and in parts, with the same bytes."""
    scenario, log = scenario_of(make_scenario, ids), data.draw(logs(ids))
    with TemporaryDirectory() as folder:
        at_once, in_parts = Lake(f"{folder}/at-once"), Lake(f"{folder}/in-parts")
        days = publish(at_once, scenario, log)
        publish(in_parts, scenario, log)
        assert build_statistics(at_once, scenario, days[-1]) == days
        assert_equals_the_loop(at_once, log)
        ends = data.draw(st.sets(st.sampled_from(days), max_size=1), label="ends")
        for end in sorted({*ends, days[-1]}):
            build_statistics(in_parts, scenario, end)
        assert published_bytes(at_once, "statistics") == published_bytes(in_parts, "statistics")
        state = Partition(RECENT_COUNTS, "tiny", days[-1])
        assert at_once.manifest(state) == in_parts.manifest(state)


def dense_log() -> list[Row]:
    """Rows of three folds on every second, by users and items that repeat, on four days."""
    places, folds = ("home", None, ""), [fold.value for fold in Fold]
    return [
        row(
            number,
            "int64",
            day=(0, 1, 3, 8)[number // 20],
            second=SECONDS[number % 5],
            user=number % 4,
            item=number * 7 % 5,
            label=number // 3 % 2,
            fold=folds[number % 11 % 3],
            of_day="late",
            place=places[number % 7 % 3],
        )
        for number in range(80)
    ]


def late_row(log: list[Row], day: int) -> Row:
    ts = datetime.combine(FIRST + timedelta(days=day), time(5), UTC)
    return {**log[0], "impression_id": 5000, "ts": ts, "fold": Fold.LINEAGE.value, "label": 1}


@pytest.mark.slow
def test_a_late_row_makes_its_day_and_later_ones_stale(
    lake: Lake, make_scenario: MakeScenario
) -> None:
    scenario, log = scenario_of(make_scenario), dense_log()
    days = publish(lake, scenario, log)
    build_statistics(lake, scenario, days[-1])
    log.append(late_row(log, 1))
    publish(lake, scenario, log)
    assert build_statistics(lake, scenario, days[-1]) == days[1:]
    assert_equals_the_loop(lake, log)
    assert build_statistics(lake, scenario, days[-1]) == []


def test_a_daily_run_reads_the_counts_of_the_day_before_and_no_older_rows(
    lake: Lake, make_scenario: MakeScenario
) -> None:
    scenario, log = scenario_of(make_scenario), dense_log()
    days = publish(lake, scenario, log)
    build_statistics(lake, scenario, days[-2])
    for day in days[:-1]:
        folder = Path(lake.storage.absolute(Partition("impressions", "tiny", day).path))
        next(folder.glob("part-*")).unlink()
    assert build_statistics(lake, scenario, days[-1]) == days[-1:]
    assert built(lake, days[-1]) == statistics_loop.statistics(log, days[-1], CONTEXT)


def test_held_out_rows_move_no_count_of_others(
    tmp_path: Path, make_scenario: MakeScenario, published_bytes: Bytes
) -> None:
    """Neither their labels nor that they exist."""
    scenario, log = scenario_of(make_scenario), dense_log()
    logs_of = {
        "full": log,
        "flipped": [one if is_lineage(one) else {**one, "label": 1 - one["label"]} for one in log],
        "lineage": [one for one in log if is_lineage(one)],
    }
    lakes = {name: Lake(str(tmp_path / name)) for name in logs_of}
    for name, rows in logs_of.items():
        days = publish(lakes[name], scenario, rows)
        build_statistics(lakes[name], scenario, days[-1])
    files = {
        name: {
            path: content
            for path, content in published_bytes(lake, "statistics").items()
            if path.endswith(".parquet")
        }
        for name, lake in lakes.items()
    }
    assert files["full"] == files["flipped"]
    of_lineage = {one["impression_id"] for one in log if is_lineage(one)}
    for day in days:
        kept = [one for one in built(lakes["full"], day) if one["impression_id"] in of_lineage]
        assert kept == built(lakes["lineage"], day)


def is_lineage(one: Row) -> bool:
    return bool(one["fold"] == Fold.LINEAGE.value)


def test_a_count_of_the_row_itself_is_not_published(
    lake: Lake, make_scenario: MakeScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day is refused if a row was computed from an event that is not before it."""
    scenario, log = scenario_of(make_scenario), dense_log()
    days = publish(lake, scenario, log)

    def of_the_row(column: str) -> Column:
        return F.lit(0).cast("float")

    monkeypatch.setattr(impression_statistics, "_hours_since", of_the_row)
    with pytest.raises(AuditError, match=r"item_age_hours is -?0\.0 hours"):
        build_statistics(lake, scenario, days[-1])
    assert lake.days("statistics", "tiny") == []


def test_a_row_of_a_later_day_is_not_counted(lake: Lake, make_scenario: MakeScenario) -> None:
    """Impressions of a later day stored under an earlier one fail the audit of the window."""
    scenario, log = scenario_of(make_scenario), dense_log()
    later = pa.Table.from_pylist(log[20:40], schemas.impressions(scenario))
    publish_day(lake, scenario, FIRST, later)
    with pytest.raises(AuditError, match="outside its window"):
        build_statistics(lake, scenario, FIRST)
    assert lake.days("statistics", "tiny") == []


def test_empty_days_have_empty_statistics(lake: Lake, make_scenario: MakeScenario) -> None:
    scenario = scenario_of(make_scenario)
    empty = schemas.impressions(scenario).empty_table()
    publish_day(lake, scenario, FIRST, empty)
    assert build_statistics(lake, scenario, FIRST) == [FIRST]
    publish_day(lake, scenario, FIRST + timedelta(days=1), empty)
    assert build_statistics(lake, scenario, FIRST + timedelta(days=1)) != []
    assert built(lake, FIRST) == []


@pytest.mark.slow
def test_other_context_fields_make_every_day_stale(lake: Lake, make_scenario: MakeScenario) -> None:
    scenario, log = scenario_of(make_scenario), dense_log()[:20]
    days = publish(lake, scenario, log)
    build_statistics(lake, scenario, days[-1])
    without = scenario.model_copy(update={"context": CONTEXT[:1]})
    assert build_statistics(lake, without, days[-1]) == days


def test_without_ingested_days_the_error_names_the_command(
    lake: Lake, make_scenario: MakeScenario
) -> None:
    with pytest.raises(InputError, match="lis ingest --scenario tiny"):
        build_statistics(lake, scenario_of(make_scenario), FIRST)
