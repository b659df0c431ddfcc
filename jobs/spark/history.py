"""Impressions → ``history``: a user's last K clicks strictly before each impression.

Point in time: a click counts from the moment after its ts, so one at the very ts of an impression
is not part of that impression's history. A day is made from its own impressions and from
``recent_clicks``, the last K clicks of every user at the end of the day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from jobs.errors import InputError
from jobs.lake import Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.chain import chain_digests
from jobs.lake.folds import FOLDS
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario
from jobs.spark.session import latest, next_midnight, read_days, spark_session
from jobs.spark.write import write_by_day

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LINEAGE = FOLDS[0]
RECENT_CLICKS = "recent_clicks"
_STATE_TS = "clicks.list.element.ts"
_ORDER = ("ts", "impression_id")
_CLICK = (*_ORDER, "item_id", "fold")


@dataclass(frozen=True)
class _Work:
    """Days to make, and the days whose clicks come before them."""

    days: list[date]
    carried: date | None
    replayed: list[date]


def build_history(lake: Lake, scenario: Scenario, last: date) -> list[date]:
    """Publish the histories of all days up to ``last`` that are missing or stale.

    Returns the days made. Those that are current are left as they are.

    Raises:
        InputError: nothing is ingested up to ``last``.
    """
    chain = chain_digests(lake, scenario.name)
    work = _plan(lake, scenario, chain, last)
    if not work.days:
        return []
    end = work.days[-1]
    partitions = [Partition("history", scenario.name, day) for day in work.days]
    carried = Partition(RECENT_CLICKS, scenario.name, end)
    with (
        spark_session(f"history {scenario.name}") as spark,
        lake.attempt([carried, *partitions]) as attempt,
    ):
        clicks = _clicks(spark, lake, scenario, work)
        asked = read_days(spark, lake, "impressions", scenario.name, work.days)
        assert asked is not None
        history = _last_before(asked, _recent(clicks, scenario.history_length))
        folder, order = f"{attempt.folder}/history", ("ts", "impression_id")
        schema = schemas.history(scenario)
        seen = write_by_day(history, lake, folder, schema, *order, newest="last_click")
        state = _state(clicks, scenario.history_length).withColumn("ds", F.lit(end.isoformat()))
        folder = f"{attempt.folder}/{RECENT_CLICKS}"
        write_by_day(state, lake, folder, schemas.recent_clicks(scenario), "user_id")
        schemas_of = {
            "history": schema,
            RECENT_CLICKS: schemas.recent_clicks(scenario),
        }
        last_clicks = {
            ("history", day): _moment(seen.get(f"ds={day.isoformat()}")) for day in work.days
        }
        state_folder = f"{folder}/ds={end.isoformat()}"
        last_clicks[RECENT_CLICKS, end] = latest(lake.storage, state_folder, _STATE_TS)
        for partition in [*partitions, carried]:
            day = partition.ds
            below = f"{partition.table}/ds={day.isoformat()}"
            schema = schemas_of[partition.table]
            max_ts = last_clicks.get((partition.table, day))
            attempt.publish(
                partition,
                below=below,
                inputs=_inputs(scenario, chain[day]),
                schema=schema,
                window=SeenWindow.until(next_midnight(day), max_ts),
            )
    return work.days


def _plan(lake: Lake, scenario: Scenario, chain: dict[date, str], last: date) -> _Work:
    days = [day for day in chain if day <= last]
    if not days:
        raise InputError(
            f"scenario {scenario.name}: no day up to {last} is ingested; run "
            f"python -m jobs ingest --scenario {scenario.name} --end {last}"
        )

    def is_current(table: str, day: date) -> bool:
        manifest = lake.manifest(Partition(table, scenario.name, day))
        return manifest is not None and manifest.inputs == _inputs(scenario, chain[day])

    stale = next((at for at, day in enumerate(days) if not is_current("history", day)), None)
    if stale is None:
        return _Work([], None, [])
    before = days[:stale]
    carried = next((day for day in reversed(before) if is_current(RECENT_CLICKS, day)), None)
    replayed = [day for day in before if carried is None or day > carried]
    return _Work(days[stale:], carried, replayed)


def _inputs(scenario: Scenario, chain: str) -> dict[str, str]:
    return {"log": chain, "options": digest_of(scenario.history_length)}


def _clicks(spark: SparkSession, lake: Lake, scenario: Scenario, work: _Work) -> DataFrame:
    """Every click that can still be among a user's last K on one of the days."""
    days = [*work.replayed, *work.days]
    impressions = read_days(spark, lake, "impressions", scenario.name, days)
    assert impressions is not None
    clicks = impressions.where("label = 1").select("user_id", *_CLICK)
    if work.carried is None:
        return clicks
    carried = read_days(spark, lake, RECENT_CLICKS, scenario.name, [work.carried])
    assert carried is not None
    # A click can be among a user's last K in both lists.
    both = F.array_distinct(F.concat("clicks", "lineage_clicks"))
    return clicks.unionByName(carried.select("user_id", F.inline(both).alias(*_CLICK)))


def _recent(clicks: DataFrame, length: int) -> DataFrame:
    """Beside each click, the items of the user's last K clicks up to and with it, oldest first.

    ``lineage`` holds the last K of the lineage fold, and is null beside clicks of other folds.
    It is counted apart: among the last K of all folds, a held-out click would push an older one
    out, and a ranker could tell from the gap what was clicked.
    """
    is_lineage = F.col("fold") == LINEAGE
    of_user = Window.partitionBy("user_id").orderBy(*_ORDER).rowsBetween(1 - length, 0)
    of_fold = Window.partitionBy("user_id", is_lineage).orderBy(*_ORDER).rowsBetween(1 - length, 0)
    items = F.collect_list("item_id")
    return clicks.select(
        "user_id",
        *_ORDER,
        items.over(of_user).alias("recent"),
        F.when(is_lineage, items.over(of_fold)).alias("lineage"),
        F.unix_micros("ts").alias("last_click"),
    )


def _last_before(asked: DataFrame, clicks: DataFrame) -> DataFrame:
    """As-of join: to each impression what stands beside the user's last click strictly before it.

    Both run through one window per user. At an equal ts impressions sort before clicks, which is
    what keeps a click out of the histories of its own moment.
    """
    questions = asked.select("user_id", "ts", "impression_id", F.lit(0).alias("is_click"), "ds")
    answers = clicks.withColumn("is_click", F.lit(1))
    so_far = (
        Window.partitionBy("user_id")
        .orderBy("ts", "is_click", "impression_id")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    no_items = F.array().cast(clicks.schema["recent"].dataType)

    def so_far_last(column: str) -> Column:
        return F.last(column, ignorenulls=True).over(so_far)

    return (
        questions.unionByName(answers, allowMissingColumns=True)
        .select(
            "ds",
            "ts",
            "impression_id",
            "is_click",
            F.coalesce(so_far_last("recent"), no_items).alias("items"),
            F.coalesce(so_far_last("lineage"), no_items).alias("lineage_items"),
            so_far_last("last_click").alias("last_click"),
        )
        .where("is_click = 0")
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def _state(clicks: DataFrame, length: int) -> DataFrame:
    """The last K clicks of every user, of all folds and of the lineage fold."""
    newest_first = [F.desc(name) for name in _ORDER]
    of_user = Window.partitionBy("user_id").orderBy(*newest_first)
    of_fold = Window.partitionBy("user_id", "is_lineage").orderBy(*newest_first)
    click = F.struct(*_CLICK)

    def last_clicks(chosen: Column) -> Column:
        return F.sort_array(F.collect_list(F.when(chosen, click)))

    return (
        clicks.withColumn("is_lineage", F.col("fold") == LINEAGE)
        .withColumn("of_user", F.row_number().over(of_user) <= length)
        .withColumn("of_fold", F.row_number().over(of_fold) <= length)
        .groupBy("user_id")
        .agg(
            last_clicks(F.col("of_user")).alias("clicks"),
            last_clicks(F.col("of_fold") & F.col("is_lineage")).alias("lineage_clicks"),
        )
    )
