"""Parquet files of a lake as a data frame, read by Spark itself or through Arrow in its tasks.

Spark's own reader leaves out columns that are not needed, and runs in the JVM. Through Arrow, files
are read in an object store that Spark has no connector for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.lake.storage import Storage
from jobs.spark.object_store import reads_by_arrow

_BATCH_ROWS = 1 << 16
_TASKS_PER_CORE = 4


def read_files(
    spark: SparkSession,
    storage: Storage,
    paths: Sequence[str],
    base: str,
    contract: pa.Schema | None = None,
) -> DataFrame:
    """The rows of Parquet files, and a column for each folder ``name=value`` below the base.

    Args:
        spark: The session.
        storage: Where the files are.
        paths: The files, at least one.
        base: The folder that they are below.
        contract: Schema of every file; without it, that of the first one.

    Returns:
        The rows in no particular order.
    """
    if reads_by_arrow(spark, storage):
        return _through_arrow(spark, storage, paths, base, contract)
    # Spark adds the folders below the base path as columns, without work per row.
    reader = spark.read.option("basePath", storage.spark_uri(base))
    if contract is not None:
        reader = reader.schema(from_arrow_schema(contract))
    return reader.parquet(*map(storage.spark_pattern, paths))


def _through_arrow(
    spark: SparkSession,
    storage: Storage,
    paths: Sequence[str],
    base: str,
    contract: pa.Schema | None,
) -> DataFrame:
    stored = contract or _stored_schema(storage, paths[0])
    stored = pa.schema([(field.name, _variable(field.type)) for field in stored])
    folders = [(name, pa.string()) for name in _values(paths[0], base)]
    schema = pa.schema([*stored, *folders])
    tasks = min(len(paths), _TASKS_PER_CORE * spark.sparkContext.defaultParallelism)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column("id").to_pylist():
                for path in paths[task::tasks]:
                    yield from _batches(storage, path, stored, schema, _values(path, base))

    return spark.range(0, tasks, 1, numPartitions=tasks).mapInArrow(read, from_arrow_schema(schema))


def _batches(
    storage: Storage, path: str, stored: pa.Schema, schema: pa.Schema, values: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    """The rows of a file, with the values of its folders."""
    with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
        for batch in pq.ParquetFile(stream).iter_batches(_BATCH_ROWS, columns=stored.names):
            columns = [
                batch.column(field.name).cast(_variable(field.type)).cast(field.type)
                for field in stored
            ]
            columns += [pa.repeat(value, batch.num_rows) for value in values.values()]
            yield pa.record_batch(columns, schema=schema)


def _values(path: str, base: str) -> dict[str, str]:
    """The folders ``name=value`` of a file below a base."""
    folders = path.removeprefix(f"{base}/").split("/")[:-1]
    return {name: value for name, _, value in (folder.partition("=") for folder in folders)}


def _stored_schema(storage: Storage, path: str) -> pa.Schema:
    with storage.filesystem.open_input_file(storage.absolute(path)) as stream:
        return pq.read_schema(stream).remove_metadata()


def _variable(kind: pa.DataType) -> pa.DataType:
    """A type without lists of fixed size, which Spark does not take."""
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_variable(kind.value_type))
    return kind
