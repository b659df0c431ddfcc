"""A raw log and its item file as data frames, read by Arrow in the tasks of Spark."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.common.errors import InputError
from jobs.lake import schemas
from jobs.scenarios import Scenario, TableSource
from jobs.sources.contract.impression_rows import ImpressionRows, row_schema
from jobs.sources.contract.item_rows import ItemRows, item_schema
from jobs.sources.reading.mapped_table import MappedTable, Part

log = logging.getLogger(__name__)

_TASKS_PER_CORE = 4


class Rows(Protocol):
    """Reads parts of a table as batches of one schema."""

    @property
    def table(self) -> MappedTable:
        """The files."""

    def batches(self, part: Part) -> Iterator[pa.RecordBatch]:
        """The rows of a part."""


def log_rows(
    spark: SparkSession,
    table: MappedTable,
    source: TableSource,
    scenario: Scenario,
    with_row: bool = False,
) -> DataFrame:
    """The rows of a log in the columns of ``row_schema``.

    Args:
        spark: the session.
        table: the files of the log.
        source: how its columns are mapped.
        scenario: the feed.
        with_row: whether impressions have their ``row`` too.
    """
    return read_parts(
        spark, ImpressionRows(table, source, scenario, with_row), row_schema(scenario)
    )


def item_content(
    spark: SparkSession, table: MappedTable, source: TableSource, scenario: Scenario
) -> DataFrame:
    """The item file in the columns of the item contract, with one row per item.

    Raises:
        InputError: If a value cannot be what is mapped to it.
    """
    rows = read_parts(spark, ItemRows(table, source, scenario), item_schema(scenario))
    is_left_out = F.col("item_id").isNull()
    [found] = rows.agg(
        F.min("refusal").alias("refusal"), F.count_if(is_left_out).alias("left_out")
    ).collect()
    if found.refusal is not None:
        raise InputError(found.refusal)
    if found.left_out:
        log.warning(
            "%s: %s rows of the item file have no readable id, or another number of columns than "
            "its first line: they are left out",
            scenario.name,
            f"{found.left_out:,}",
        )
    stored = schemas.items(scenario).names
    content = F.struct(*(name for name in stored if name not in ("item_id", "first_seen")))
    # Of several rows of an item, min() keeps one, the same one on every run.
    return (
        rows.where(~is_left_out)
        .groupBy("item_id")
        .agg(F.min(content).alias("content"))
        .select("item_id", "content.*")
    )


def read_parts(spark: SparkSession, rows: Rows, schema: pa.Schema) -> DataFrame:
    """The rows of all parts of a table, in no particular order.

    Args:
        spark: the session.
        rows: reads a part; it is sent to the tasks.
        schema: schema of its batches.
    """
    parts = rows.table.parts
    tasks = min(len(parts), _TASKS_PER_CORE * spark.sparkContext.defaultParallelism)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column("id").to_pylist():
                for part in parts[task::tasks]:
                    yield from rows.batches(part)

    numbers = spark.range(0, tasks, 1, numPartitions=tasks)
    return numbers.mapInArrow(read, from_arrow_schema(schema))
