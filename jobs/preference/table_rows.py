"""Reads the Parquet files of a custom table of preference data, and checks every row.

Tasks read the files through Arrow, row group by row group, so that object storage needs no
connector of Spark and timestamps may have any unit.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.errors import InputError
from jobs.lake.schemas import TIMESTAMP, id_type
from jobs.lake.storage import Storage
from jobs.scenarios import PreferenceTable, Scenario
from jobs.sources.log_columns import is_id, is_list
from jobs.sources.preference_files import TableFiles, value_column
from jobs.spark.parse import parse_id, parse_timestamp
from jobs.spark.session import spark_type

_BATCH_ROWS = 1 << 14


def table_rows(
    spark: SparkSession, scenario: Scenario, table: PreferenceTable, files: TableFiles
) -> DataFrame:
    """All rows of a custom table: ``item_id``, ``value`` and ``available_at``.

    Raises:
        InputError: If a row has a missing or malformed value; the message names its file, column,
            value and item.
    """
    rows = _parsed(spark, scenario, table, files)
    _refuse_bad_rows(table, rows)
    return rows.select("item_id", "value", "available_at")


def _parsed(
    spark: SparkSession, scenario: Scenario, table: PreferenceTable, files: TableFiles
) -> DataFrame:
    """``item_id``, ``value``, ``available_at``, ``file``; ``problem`` where a row is malformed."""
    raw = _read(spark, table, files)
    ids = spark_type(str(id_type(scenario)))
    item, value, timestamp = parse_id(F.col("item"), ids), F.col("value"), F.col("timestamp")
    if dict(raw.dtypes)["timestamp"] == "string":
        timestamp = parse_timestamp(timestamp)
    column = value_column(table)
    if table.vector is None:
        value = F.transform(value, lambda element: parse_id(element, ids))
        bad = F.exists(value, lambda element: element.isNull())
        malformed = "has a value that is not an item id"
        is_missing = value.isNull()
    else:
        bad = F.exists(value, lambda x: x.isNull() | F.isnan(x) | (F.abs(x) == float("inf")))
        malformed = "has a value that is not a finite number"
        is_missing = value.isNull() | (F.size(value) == 0)
    missing = "is not a list" if table.vector is None else "is not a vector"
    problem = (
        F.when(item.isNull(), _problem(table.item_id, F.col("item"), "is not an item id"))
        .when(
            timestamp.isNull(),
            _problem(table.available_at, F.col("timestamp"), "is not a timestamp"),
        )
        .when(is_missing, _problem(column, F.col("value"), missing))
        .when(bad, _problem(column, F.col("value"), malformed))
    )
    return raw.select(
        item.alias("item_id"),
        value.alias("value"),
        timestamp.alias("available_at"),
        "file",
        problem.alias("problem"),
    )


def _problem(name: str, value: Column, problem: str) -> Column:
    text = F.coalesce(value.cast("string"), F.lit("null"))
    return F.concat(F.lit(f"column {name}: "), F.substring(text, 1, 80), F.lit(f" {problem}"))


def _read(spark: SparkSession, table: PreferenceTable, files: TableFiles) -> DataFrame:
    """The mapped columns as ``item``, ``value`` and ``timestamp``, and the name of the ``file``."""
    location = files.location
    columns = [table.item_id, value_column(table), table.available_at]
    item, value, timestamp = (_common_type(files.types[column]) for column in columns)
    if table.vector is not None:
        value = pa.list_(pa.float32())

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        storage = Storage(location)
        for part in (part for batch in batches for part in batch.to_pylist()):
            with storage.filesystem.open_input_file(storage.absolute(part["path"])) as stream:
                groups = pq.ParquetFile(stream)
                for rows in groups.iter_batches(_BATCH_ROWS, [part["group"]], columns):
                    arrays = [
                        _cast(rows[column], kind)
                        for column, kind in zip(columns, (item, value, timestamp), strict=True)
                    ]
                    arrays.append(pa.array([part["name"]] * len(rows), pa.string()))
                    yield pa.record_batch(arrays, ["item", "value", "timestamp", "file"])

    parts = [
        (file.path, file.name, group)
        for file in files.files
        for group in range(file.footer.num_row_groups)
    ]
    schema = (
        f"item {_SPARK_NAMES[item]}, value array<{_SPARK_NAMES[value.value_type]}>, "
        f"timestamp {_SPARK_NAMES[timestamp]}, file string"
    )
    listing = spark.createDataFrame(parts, "path string, name string, group int")
    return listing.mapInArrow(read, schema)


_SPARK_NAMES = {
    pa.int64(): "bigint",
    pa.string(): "string",
    pa.float32(): "float",
    TIMESTAMP: "timestamp",
}


def _common_type(kind: pa.DataType) -> pa.DataType:
    """The type to which a column is cast, whatever type of that group the files have."""
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return pa.int64()
    if pa.types.is_temporal(kind):
        return TIMESTAMP
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_common_type(kind.value_type))
    # Spark has no uint64, so such ids become text too.
    return pa.string() if is_id(kind) else kind


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Timestamps without a time zone are UTC. Precision that does not fit is truncated."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    return values.cast(kind, safe=False)


def _refuse_bad_rows(table: PreferenceTable, rows: DataFrame) -> None:
    example = F.struct("file", "item_id")
    bad = F.when(F.col("problem").isNotNull(), F.struct("file", "problem", "item_id"))
    lengths = (
        rows.groupBy(F.size("value").alias("length"))
        .agg(F.count("*").alias("rows"), F.min(example).alias("example"), F.min(bad).alias("bad"))
        .orderBy(F.desc("rows"), "length")
        .collect()
    )
    if problems := sorted(length.bad for length in lengths if length.bad is not None):
        first = problems[0]
        of_item = "" if first.item_id is None else f" (item {first.item_id})"
        raise InputError(f"{first.file}: {first.problem}{of_item}: correct the table")
    if table.vector is not None and len(lengths) > 1:
        usual, odd = lengths[:2]
        raise InputError(
            f"{odd.example.file}: column {table.vector}: the vector of item "
            f"{odd.example.item_id} has {odd.length} numbers, others have {usual.length}: write "
            "vectors of one length"
        )
