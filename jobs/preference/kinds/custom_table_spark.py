"""Preference data of a user's own in Parquet → what it says of each item at the start of a day.

Tasks read the files through Arrow, row group by row group, so that object storage needs no
connector of Spark's and moments may be of any unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from jobs.common.errors import InputError
from jobs.lake.manifest import digest_of
from jobs.lake.schemas import TIMESTAMP, id_type
from jobs.lake.storage import Storage
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.scenarios import PreferenceTable, Scenario
from jobs.sources.log_columns import is_id, is_list
from jobs.sources.preference_files import TableFiles, earliest_timestamp, find_table, value_column
from jobs.spark.parse import parse_id, parse_timestamp
from jobs.spark.session import midnight, spark_type

_BATCH_ROWS = 1 << 14


def available_rows(behaviour: Behaviour, table: PreferenceTable) -> DataFrame:
    """Of every item the newest row that was available before ``known_at``.

    Of several at one moment, the one with the largest value counts. ``updates`` is how many rows
    of the item were available, ``last_event`` when the newest was.

    Raises:
        InputError: a file or a row does not hold what it must.
    """
    files = find_table(table, behaviour.scenario)
    rows = _rows(behaviour.spark, behaviour.scenario, table, files)
    _refuse_bad_rows(table, rows)
    by_moment = Window.partitionBy("item_id").orderBy("available_at", "value")
    versions = rows.select(
        "item_id",
        "value",
        "available_at",
        F.row_number().over(by_moment).cast("bigint").alias("updates"),
        F.lead("available_at").over(by_moment).alias("until"),
    )
    known_at = behaviour.tables.select("known_at").distinct()
    start = F.col("known_at").cast("timestamp")
    holds = (F.col("available_at") < start) & (F.col("until").isNull() | (F.col("until") >= start))
    return versions.join(F.broadcast(known_at), holds).select(
        "known_at",
        "item_id",
        F.col("value").alias("items" if table.vector is None else "embedding"),
        "updates",
        F.col("available_at").alias("last_event"),
    )


def table_inputs(
    scenario: Scenario, table: PreferenceTable, windows: Sequence[TableWindow]
) -> dict[TableWindow, dict[str, str]]:
    """Digests of the files that hold rows available before each table's day.

    Raises:
        InputError: there is no file, or one does not have the columns that it must.
    """
    files = find_table(table, scenario)
    digests = [
        (
            file.path,
            files.storage.sha256(file.path),
            earliest_timestamp(file.footer, table.available_at),
        )
        for file in files.files
    ]
    return {
        window: {
            "table": digest_of(
                [
                    (path, digest)
                    for path, digest, begin in digests
                    if begin is None or begin < midnight(window.known_at)
                ]
            )
        }
        for window in windows
    }


def _rows(
    spark: SparkSession, scenario: Scenario, table: PreferenceTable, files: TableFiles
) -> DataFrame:
    """item_id, value, available_at, the ``file``, and of a bad row the ``problem``."""
    raw = _read(spark, table, files)
    ids = spark_type(str(id_type(scenario)))
    item, value, moment = parse_id(F.col("item"), ids), F.col("value"), F.col("moment")
    if dict(raw.dtypes)["moment"] == "string":
        moment = parse_timestamp(moment)
    column = value_column(table)
    if table.vector is None:
        value = F.transform(value, lambda element: parse_id(element, ids))
        bad = F.exists(value, lambda element: element.isNull())
        what = "holds what is no item id"
        is_missing = value.isNull()
    else:
        bad = F.exists(value, lambda x: x.isNull() | F.isnan(x) | (F.abs(x) == float("inf")))
        what = "holds what is no finite number"
        is_missing = value.isNull() | (F.size(value) == 0)
    missing = "is no list" if table.vector is None else "is no vector"
    problem = (
        F.when(item.isNull(), _problem(table.item_id, F.col("item"), "is no item id"))
        .when(moment.isNull(), _problem(table.available_at, F.col("moment"), "is no moment"))
        .when(is_missing, _problem(column, F.col("value"), missing))
        .when(bad, _problem(column, F.col("value"), what))
    )
    return raw.select(
        item.alias("item_id"),
        value.alias("value"),
        moment.alias("available_at"),
        "file",
        problem.alias("problem"),
    )


def _problem(name: str, value: Column, what: str) -> Column:
    text = F.coalesce(value.cast("string"), F.lit("null"))
    return F.concat(F.lit(f"column {name}: "), F.substring(text, 1, 80), F.lit(f" {what}"))


def _read(spark: SparkSession, table: PreferenceTable, files: TableFiles) -> DataFrame:
    """The mapped columns as ``item``, ``value`` and ``moment``, and the ``file``."""
    location = files.location
    columns = [table.item_id, value_column(table), table.available_at]
    item, value, moment = (_plain(files.types[column]) for column in columns)
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
                        for column, kind in zip(columns, (item, value, moment), strict=True)
                    ]
                    arrays.append(pa.array([part["name"]] * len(rows), pa.string()))
                    yield pa.record_batch(arrays, ["item", "value", "moment", "file"])

    parts = [
        (file.path, file.name, group)
        for file in files.files
        for group in range(file.footer.num_row_groups)
    ]
    schema = (
        f"item {_SPARK_NAMES[item]}, value array<{_SPARK_NAMES[value.value_type]}>, "
        f"moment {_SPARK_NAMES[moment]}, file string"
    )
    listing = spark.createDataFrame(parts, "path string, name string, group int")
    return listing.mapInArrow(read, schema)


_SPARK_NAMES = {
    pa.int64(): "bigint",
    pa.string(): "string",
    pa.float32(): "float",
    TIMESTAMP: "timestamp",
}


def _plain(kind: pa.DataType) -> pa.DataType:
    """The one type that stands for all of its sort."""
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return pa.int64()
    if pa.types.is_temporal(kind):
        return TIMESTAMP
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type))
    # Spark has no uint64, so such ids go as text too.
    return pa.string() if is_id(kind) else kind


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Moments without a time zone are UTC; what does not fit is cut off, not refused."""
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
