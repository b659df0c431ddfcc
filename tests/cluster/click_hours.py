"""A custom kind whose Python code runs in executors, which cannot import this file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs.preference.behaviour import Behaviour
from jobs.scenarios import EvalRowsSeen, Mode

PARTS = 4


def quarter_of_day(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Adds the quarter of the day in which a click was."""
    for batch in batches:
        hours = pc.hour(batch.column("ts"))
        yield batch.append_column("quarter", pc.cast(pc.divide(hours, 24 // PARTS), pa.int64()))


@dataclass(frozen=True)
class ClickHours:
    """Clicks on an item in each quarter of the day."""

    name: str = "click_hours"
    summary: str = "clicks on the item in each quarter of the day, before n days later"
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"

    def build(self, behaviour: Behaviour) -> DataFrame:
        clicks = behaviour.windowed(behaviour.clicks).select("known_at", "item_id", "ts")
        schema = T.StructType([*clicks.schema, T.StructField("quarter", T.LongType())])
        quarters = clicks.mapInArrow(quarter_of_day, schema)
        counts = [F.sum((F.col("quarter") == part).cast("float")) for part in range(PARTS)]
        return quarters.groupBy("known_at", "item_id").agg(
            F.array(*counts).alias("embedding"),
            F.count("*").alias("updates"),
            F.max("ts").alias("last_event"),
        )
