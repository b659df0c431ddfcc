"""Impressions → ``history``: a user's last K clicks strictly before each impression.

Histories are correct at each point in time: a click with the ts of an impression is not part of
that impression's history. A day is computed from its own impressions and from ``recent_clicks``,
the last K clicks of every user as of the end of the day before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.ingest.chained_days import ChainedTable, DayPlan
from jobs.ingest.last_clicks import ORDER, histories, last_clicks
from jobs.lake import Lake, schemas
from jobs.lake.manifest import digest_of
from jobs.scenarios import Fold, Scenario
from jobs.spark.session import latest_timestamp, read_days, spark_session

RECENT_CLICKS = "recent_clicks"
_STATE_TS = "clicks.list.element.ts"
_CLICK = ("ts", "impression_id", "item_id", "fold")


def build_history(lake: Lake, scenario: Scenario, last: date) -> list[date]:
    """Publish the histories of all days up to ``last`` that are missing or stale.

    Returns:
        The days built.

    Raises:
        InputError: If no day up to ``last`` is ingested.
    """
    plan = history_table(lake, scenario).plan(last)
    if not plan.days:
        return []
    with (
        spark_session(f"history {scenario.name}") as spark,
        lake.attempt(plan.partitions) as attempt,
    ):
        impressions = _impressions(spark, lake, scenario, plan.days)
        clicks = _clicks(spark, lake, scenario, plan, impressions)
        history = _history(impressions, clicks, scenario)
        newest = plan.write_rows(attempt, history, "last_click")
        folder = plan.write_state(attempt, _state(clicks, scenario), ["user_id"])
        plan.publish(attempt, newest, latest_timestamp(lake.storage, folder, _STATE_TS))
    return plan.days


def history_table(lake: Lake, scenario: Scenario) -> ChainedTable:
    """The table of histories, and its state."""
    return ChainedTable(
        lake=lake,
        scenario=scenario,
        name="history",
        contract=schemas.history,
        state=RECENT_CLICKS,
        state_contract=schemas.recent_clicks,
        options=digest_of(scenario.history_length),
    )


def _impressions(
    spark: SparkSession, lake: Lake, scenario: Scenario, days: Sequence[date]
) -> DataFrame:
    contract = schemas.impressions(scenario)
    rows = read_days(spark, lake, "impressions", scenario.name, days, contract=contract)
    assert rows is not None
    return rows


def _clicks(
    spark: SparkSession, lake: Lake, scenario: Scenario, plan: DayPlan, impressions: DataFrame
) -> DataFrame:
    """Every click that can still be among a user's last K on one of the days.

    Args:
        spark: The session.
        lake: The lake.
        scenario: The scenario.
        plan: The days to build, and what they are computed from.
        impressions: Those of the days to build.
    """
    if plan.replayed:
        impressions = _impressions(spark, lake, scenario, [*plan.replayed, *plan.days])
    clicks = impressions.where("label = 1").select("user_id", *_CLICK)
    if plan.carried is not None:
        days, contract = [plan.carried], schemas.recent_clicks(scenario)
        carried = read_days(spark, lake, RECENT_CLICKS, scenario.name, days, contract=contract)
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
