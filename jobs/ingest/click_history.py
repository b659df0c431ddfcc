"""Impressions → ``history``: a user's last K clicks strictly before each impression.

Histories are correct at each point in time: a click with the ts of an impression is not part of
that impression's history. A day is computed from its own impressions and from ``recent_clicks``,
the last K clicks of every user as of the end of the day before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.common.errors import InputError
from jobs.ingest.last_clicks import ORDER, histories, last_clicks
from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.chain import chain_digests
from jobs.lake.manifest import digest_of
from jobs.scenarios import Fold, Scenario
from jobs.spark.parquet_writer import NOTHING_WRITTEN, file_count, write_by_day
from jobs.spark.session import latest_timestamp, next_midnight, read_days, spark_session

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECENT_CLICKS = "recent_clicks"
_STATE_TS = "clicks.list.element.ts"
_CLICK = ("ts", "impression_id", "item_id", "fold")


@dataclass(frozen=True)
class _Plan:
    """Days to build, and the earlier days that their clicks come from.

    days: days to build. carried: the last day with current ``recent_clicks``, if there is one.
    replayed: the days after it and before ``days``, whose impressions are read again.
    """

    days: list[date]
    carried: date | None
    replayed: list[date]


def build_history(lake: Lake, scenario: Scenario, last: date) -> list[date]:
    """Publish the histories of all days up to ``last`` that are missing or stale.

    Returns:
        The days built.

    Raises:
        InputError: If no day up to ``last`` is ingested.
    """
    chain = chain_digests(lake, scenario.name)
    plan = _plan(lake, scenario, chain, last)
    if not plan.days:
        return []
    end = plan.days[-1]
    partitions = [Partition("history", scenario.name, day) for day in plan.days]
    carried = Partition(RECENT_CLICKS, scenario.name, end)
    with (
        spark_session(f"history {scenario.name}") as spark,
        lake.attempt([carried, *partitions]) as attempt,
    ):
        clicks = _clicks(spark, lake, scenario, plan)
        impressions = read_days(spark, lake, "impressions", scenario.name, plan.days)
        assert impressions is not None
        newest = _write(lake, scenario, attempt, plan, _history(impressions, clicks, scenario))
        state = _state(clicks, scenario).withColumn("ds", F.lit(end.isoformat()))
        folder = f"{attempt.folder}/{RECENT_CLICKS}"
        write_by_day(state, lake, folder, schemas.recent_clicks(scenario), "user_id")
        for partition in partitions:
            _publish(scenario, attempt, partition, chain, newest[partition.ds])
        newest_click = latest_timestamp(lake.storage, f"{folder}/ds={end.isoformat()}", _STATE_TS)
        _publish(scenario, attempt, carried, chain, newest_click)
    return plan.days


def _plan(lake: Lake, scenario: Scenario, chain: dict[date, str], last: date) -> _Plan:
    days = [day for day in chain if day <= last]
    if not days:
        raise InputError(
            f"scenario {scenario.name}: no day up to {last} is ingested: run "
            f"python -m jobs ingest --scenario {scenario.name} --end {last}"
        )

    def is_current(table: str, day: date) -> bool:
        manifest = lake.manifest(Partition(table, scenario.name, day))
        return manifest is not None and manifest.inputs == _inputs(scenario, chain[day])

    stale = next((i for i, day in enumerate(days) if not is_current("history", day)), None)
    if stale is None:
        return _Plan([], None, [])
    before = days[:stale]
    carried = next((day for day in reversed(before) if is_current(RECENT_CLICKS, day)), None)
    replayed = [day for day in before if carried is None or day > carried]
    return _Plan(days[stale:], carried, replayed)


def _inputs(scenario: Scenario, chain: str) -> dict[str, str]:
    return {"log": chain, "options": digest_of(scenario.history_length)}


def _clicks(spark: SparkSession, lake: Lake, scenario: Scenario, plan: _Plan) -> DataFrame:
    """Every click that can still be among a user's last K on one of the days."""
    days = [*plan.replayed, *plan.days]
    impressions = read_days(spark, lake, "impressions", scenario.name, days)
    assert impressions is not None
    clicks = impressions.where("label = 1").select("user_id", *_CLICK)
    if plan.carried is not None:
        carried = read_days(spark, lake, RECENT_CLICKS, scenario.name, [plan.carried])
        assert carried is not None
        # A click can be in both lists.
        both = F.array_distinct(F.concat("clicks", "lineage_clicks"))
        clicks = clicks.unionByName(carried.select("user_id", F.inline(both).alias(*_CLICK)))
    is_lineage = F.col("fold") == Fold.LINEAGE.value
    return clicks.withColumns({"is_click": F.lit(True), "is_lineage": is_lineage})


def _history(impressions: DataFrame, clicks: DataFrame, scenario: Scenario) -> DataFrame:
    """Histories of impressions, with the time of the ``last_click`` in microseconds."""
    length = scenario.history_length
    schema = schemas.history(scenario)
    columns = [("ds", pa.string()), *schema, ("last_click", pa.int64())]
    output = from_arrow_schema(pa.schema(columns))
    no = F.lit(False)
    rows = impressions.select("ds", "user_id", "ts", "impression_id")
    rows = rows.withColumns({"is_click": no, "is_lineage": no})
    rows = rows.unionByName(clicks.drop("fold"), allowMissingColumns=True)

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in histories(batches, length):
            yield batch.select(output.names)

    return _by_user(rows).mapInArrow(compute, output)


def _state(clicks: DataFrame, scenario: Scenario) -> DataFrame:
    """The last clicks of each user, in the columns of ``recent_clicks``."""
    length = scenario.history_length

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return last_clicks(batches, length, _CLICK)

    return _by_user(clicks).mapInArrow(compute, from_arrow_schema(schemas.recent_clicks(scenario)))


def _by_user(rows: DataFrame) -> DataFrame:
    return rows.repartition("user_id").sortWithinPartitions(*ORDER)


def _write(
    lake: Lake, scenario: Scenario, attempt: Attempt, plan: _Plan, history: DataFrame
) -> dict[date, datetime | None]:
    """Write the histories; return the time of the newest click in those of each day."""
    manifests = {
        day: lake.manifest(Partition("impressions", scenario.name, day)) for day in plan.days
    }
    files = {
        day.isoformat(): file_count(manifest.rows)
        for day, manifest in manifests.items()
        if manifest
    }
    written = write_by_day(
        history,
        lake,
        f"{attempt.folder}/history",
        schemas.history(scenario),
        "ts",
        "impression_id",
        newest="last_click",
        files=files,
    )
    newest = {
        day: written.get(f"ds={day.isoformat()}", NOTHING_WRITTEN).newest for day in plan.days
    }
    return {
        day: None if micros is None else EPOCH + timedelta(microseconds=micros)
        for day, micros in newest.items()
    }


def _publish(
    scenario: Scenario,
    attempt: Attempt,
    partition: Partition,
    chain: Mapping[date, str],
    newest: datetime | None,
) -> None:
    contract = schemas.recent_clicks if partition.table == RECENT_CLICKS else schemas.history
    attempt.publish(
        partition,
        below=f"{partition.table}/ds={partition.ds.isoformat()}",
        inputs=_inputs(scenario, chain[partition.ds]),
        schema=contract(scenario),
        window=SeenWindow.until(next_midnight(partition.ds), newest),
    )
