"""Reading a raw log as a data frame with the columns of the impression contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyarrow import fs
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs.lake.storage import Storage
from jobs.scenarios import Column as MappedColumn
from jobs.scenarios import CsvFormat, Scenario, TableSource
from jobs.sources.log_checks import column_name
from jobs.sources.log_location import RawFiles, day_pattern, has_day_in_path
from jobs.spark.parse import parse_id, parse_timestamp
from jobs.spark.session import spark_type

_NUMBER = "decimal(26,6)"
_TIME_TYPES = (T.TimestampType, T.TimestampNTZType, T.DateType)
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
# Zero often stands for a missing time, so times on the first day of the epoch are not valid.
_EARLIEST = 86_400 * 1_000_000
_LATEST = 253_402_300_800 * 1_000_000 - 1


@contextmanager
def readable(spark: SparkSession, files: RawFiles) -> Iterator[list[str]]:
    """URIs under which Spark can read the files.

    If Spark has no connector for the object storage, the files are copied to a local folder that
    is deleted after the block, so a laptop needs no extra jars.
    """
    storage = files.storage
    if storage.is_local or _has_connector(spark, storage):
        yield [storage.spark_uri(path) for path in files.paths]
        return
    with tempfile.TemporaryDirectory() as folder:
        copies = Storage(folder)
        for path in files.paths:
            copies.make_folder(path.rpartition("/")[0])
            fs.copy_files(
                storage.absolute(path),
                copies.absolute(path),
                source_filesystem=storage.filesystem,
                destination_filesystem=copies.filesystem,
            )
        yield [copies.spark_uri(path) for path in files.paths]


def read_table(spark: SparkSession, source: TableSource, uris: Sequence[str]) -> DataFrame:
    """Read files with columns as stored; those of CSV are strings."""
    reader = spark.read.option("recursiveFileLookup", "true")
    if isinstance(source.format, CsvFormat):
        reader = reader.option("sep", source.format.delimiter)
        return reader.option("header", source.format.header).csv(list(uris))
    return reader.parquet(*uris)


def with_contract_columns(raw: DataFrame, source: TableSource, scenario: Scenario) -> DataFrame:
    """Convert raw rows to the columns of the impression contract; invalid values become null.

    Further columns are for validation and quarantine: ``raw_label`` is the label as stored, ``row``
    the raw row as JSON, and ``file_day`` the date in the path of the file, null if it has none.
    """
    columns = source.columns
    ids = spark_type(source.ids)
    user = parse_id(_column(raw, columns.user_id), ids)
    item = parse_id(_column(raw, columns.item_id), ids)
    ts = _timestamp(raw, columns.ts, source)
    if columns.impression_id is None:
        parts = [user.cast("string"), item.cast("string"), F.unix_micros(ts).cast("string")]
        impression = F.when(
            user.isNotNull() & item.isNotNull() & ts.isNotNull(), F.concat_ws("-", *parts)
        )
    else:
        impression = parse_id(_column(raw, columns.impression_id), ids)
    context = {
        name: F.coalesce(_column(raw, column).cast("string"), F.lit(""))
        for name, column in columns.context.items()
    }
    context["hour"] = F.lpad(F.hour(ts).cast("string"), 2, "0")
    context["weekday"] = F.dayname(ts)
    return raw.select(
        impression.alias("impression_id"),
        user.alias("user_id"),
        item.alias("item_id"),
        ts.alias("ts"),
        _label(raw, source).cast("tinyint").alias("label"),
        *(context[name].alias(name) for name in scenario.context),
        _file_day(source).alias("file_day"),
        _column(raw, columns.label).cast("string").alias("raw_label"),
        F.to_json(F.struct(*[F.col(f"`{name}`") for name in raw.columns])).alias("row"),
    )


def item_columns(raw: DataFrame, source: TableSource) -> DataFrame:
    """Convert the item file to the columns of the item contract, with one row per item."""
    assert source.items is not None
    mapped = source.items
    texts = {
        name: (_column(raw, column).cast("string") if column is not None else F.lit(None))
        for name, column in [
            ("title", mapped.title),
            ("text", mapped.text),
            ("category", mapped.category),
        ]
    }
    vector = F.lit(None) if mapped.vector is None else _column(raw, mapped.vector)
    rows = raw.select(
        parse_id(_column(raw, mapped.item_id), spark_type(source.ids)).alias("item_id"),
        *(value.cast("string").alias(name) for name, value in texts.items()),
        vector.cast("array<float>").alias("vector"),
    )
    content = F.struct("title", "text", "category", "vector")
    # Of several rows of an item, min() keeps one, the same one on every run.
    return (
        rows.where(F.col("item_id").isNotNull())
        .groupBy("item_id")
        .agg(F.min(content).alias("content"))
        .select("item_id", "content.*")
    )


def _column(frame: DataFrame, mapped: MappedColumn) -> Column:
    name = column_name(frame.columns, mapped)
    return F.lit(None).cast("string") if name is None else F.col(f"`{name}`")


def _file_day(source: TableSource) -> Column:
    if not has_day_in_path(source):
        return F.lit(None).cast("date")
    # Whole path components, so that a date elsewhere in the path does not match.
    pattern = f"/{day_pattern(source)}(?:/|$)"
    return F.regexp_extract(F.col("_metadata.file_path"), pattern, 1).try_cast("date")


def _timestamp(raw: DataFrame, mapped: MappedColumn, source: TableSource) -> Column:
    value = _column(raw, mapped)
    name = column_name(raw.columns, mapped)
    kind = raw.schema[name].dataType if name else None
    if source.ts_unit == "timestamp" and kind == T.LongType():
        # Nanoseconds, see nanosAsLong in jobs.spark.session.
        ts = F.timestamp_micros(F.expr(f"`{name}` div 1000"))
    elif source.ts_unit == "timestamp" and isinstance(kind, _TIME_TYPES):
        ts = value.cast("timestamp")
    elif source.ts_unit == "timestamp":
        ts = parse_timestamp(value)
    else:
        micros = value.try_cast(_NUMBER) * F.lit(_MICROSECONDS[source.ts_unit])
        ts = F.timestamp_micros(micros.try_cast("bigint"))
    return F.when(F.unix_micros(ts).between(_EARLIEST, _LATEST), ts)


def _label(raw: DataFrame, source: TableSource) -> Column:
    value = _column(raw, source.columns.label)
    rule = source.label
    if isinstance(rule.equals, str):
        return F.when(value.isNotNull(), (value.cast("string") == rule.equals).cast("int"))
    number = value.try_cast("double")
    # Spark orders NaN above every number, so it would pass any lower bound.
    number = F.when(~F.isnan(number), number)
    if rule.at_least is not None:
        return (number >= rule.at_least).cast("int")
    if rule.equals is not None:
        return (number == rule.equals).cast("int")
    return F.when(number.isin(0.0, 1.0), number.cast("int"))


def _has_connector(spark: SparkSession, storage: Storage) -> bool:
    scheme = storage.spark_uri("").split("://", 1)[0]
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    try:
        jvm.org.apache.hadoop.fs.FileSystem.getFileSystemClass(scheme, configuration)
    except Py4JError:
        return False
    return True
