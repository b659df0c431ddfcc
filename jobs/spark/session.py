"""The Spark session, and reading published days as data frames."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import SparkConf, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from jobs.lake import Lake, Partition
from jobs.lake.storage import Storage
from jobs.spark.lake_files import read_files
from jobs.spark.launch import is_verbose, start_context
from jobs.spark.master import (
    chosen_master,
    driver_settings,
    is_local,
    python_of_executors,
    require_answer,
)
from jobs.spark.object_store import add_packages, pass_settings

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # An upper bound, a quarter of the default: sorting a partition takes a quarter of the memory,
    # and cores that have finished wait less for the last one.
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",
    # Published days are read file by file; up to this many files are listed without a Spark job.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "4096",
    # pandas writes times in nanoseconds, for which Spark has no type: it reads them as integers.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
}

_kept: ContextVar[bool] = ContextVar("_kept", default=False)
"""Whether a session outlives the ``spark_session`` block that started it."""


@contextmanager
def spark_session(name: str) -> Iterator[SparkSession]:
    """The active session, or a new one that is stopped after the block.

    The master is that of spark-submit if it started this process, else ``LIS_SPARK_MASTER``, else
    all local cores. Executors of a cluster get the project's code, and are checked first.

    Args:
        name: name of the application if a session is started.

    Raises:
        ServiceUnavailable: If a master does not answer.
        InputError: If executors have another Python, or other libraries, than this process.
    """
    running = SparkSession.getActiveSession()
    if running is not None:
        yield _with_settings(running)
        return
    session = _new_session(name)
    try:
        yield _with_settings(session)
    finally:
        if not _kept.get():
            session.stop()


@contextmanager
def one_session() -> Iterator[None]:
    """Share one session among all ``spark_session`` blocks within; stop it after the outer block.

    Each new session would have to start its Python workers again. A session that is already active
    is used and left running.
    """
    running = SparkSession.getActiveSession()
    before = _kept.set(True)
    try:
        yield
    finally:
        _kept.reset(before)
        started = SparkSession.getActiveSession()
        if started is not None and running is None and not _kept.get():
            started.stop()


def _new_session(name: str) -> SparkSession:
    conf = SparkConf().setAppName(name).set("spark.ui.enabled", "false")
    # See jobs.spark.progress, which says what is done as well.
    conf.set("spark.ui.showConsoleProgress", "false")
    if "SPARK_ENV_LOADED" in os.environ:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    else:
        master = chosen_master()
        require_answer(master)
        os.environ["PYSPARK_PYTHON"] = python_of_executors(master)
        conf.setMaster(master)
        conf.set("spark.driver.memory", os.environ.get("LIS_SPARK_MEMORY", "4g"))
        for key, value in driver_settings(master).items():
            conf.set(key, value)
        add_packages(conf)
    context = start_context(conf)
    if not is_local(str(context.master)):
        _prepare_executors(context)
    if not is_verbose():
        context.setLogLevel("ERROR")
    return SparkSession.builder.config(conf=conf).getOrCreate()


def _prepare_executors(context: SparkContext) -> None:
    from jobs.spark.executors import prepare_executors

    if not is_verbose():
        # What a worker lacks is said in one line.
        context.setLogLevel("OFF")
    try:
        prepare_executors(context)
    except BaseException:
        context.stop()
        raise


def _with_settings(session: SparkSession) -> SparkSession:
    for key, value in _SETTINGS.items():
        session.conf.set(key, value)
    # An upper bound, as Spark merges small ones. A cluster should have two or three per core.
    partitions = os.environ.get("LIS_SPARK_SHUFFLE_PARTITIONS", "32")
    session.conf.set("spark.sql.shuffle.partitions", partitions)
    pass_settings(session)
    return session


def read_days(
    spark: SparkSession,
    lake: Lake,
    table: str,
    scenario: str,
    days: Iterable[date],
    keys: tuple[tuple[str, str], ...] = (),
    contract: pa.Schema | None = None,
) -> DataFrame | None:
    """Published days of a table as one data frame with a ``ds`` column.

    Args:
        spark: the session.
        lake: the lake.
        table: name of the table.
        scenario: name of the scenario.
        days: days to read; each must be published.
        keys: further partition keys, which do not become columns.
        contract: schema that every file is published with. Without it, Spark runs a job that reads
            the footer of a file.

    Returns:
        The rows in no particular order, or None if there are no days.
    """
    paths: list[str] = []
    for day in days:
        paths += lake.published_paths(Partition(table, scenario, day, keys))
    if not paths:
        return None
    frame = read_files(spark, lake.storage, paths, f"{table}/scenario={scenario}", contract)
    return frame.drop(*(key for key, _ in keys))


def spark_type(name: str) -> T.DataType:
    """Spark type of the ids of a scenario, from ``string`` or ``int64``."""
    return T.LongType() if name == "int64" else T.StringType()


def latest_timestamp(storage: Storage, folder: str, column: str) -> datetime | None:
    """Largest value of a timestamp column in the Parquet files of a folder, from their footers.

    Args:
        storage: the storage with the folder.
        folder: path of the folder.
        column: path of a leaf in the stored schema, such as ``clicks.list.element.ts``.

    Returns:
        The value, or None if no file has one.
    """
    return max(_extremes(storage, folder, column, "max"), default=None)


def smallest(storage: Storage, folder: str, column: str) -> float | None:
    """Smallest value of a numeric column in the Parquet files of a folder, from their footers.

    Args:
        storage: the storage with the folder.
        folder: path of the folder.
        column: name of the column.

    Returns:
        The value, or None if no file has one.
    """
    return min(_extremes(storage, folder, column, "min"), default=None)


def _extremes(
    storage: Storage, folder: str, column: str, which: Literal["min", "max"]
) -> Iterator[Any]:
    """The smallest or largest value in each row group of the Parquet files of a folder."""
    for name in storage.files(folder):
        if not name.endswith(".parquet"):
            continue
        with storage.filesystem.open_input_file(storage.absolute(f"{folder}/{name}")) as stream:
            metadata = pq.read_metadata(stream)
        leaves = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(leaves.index(column)).statistics
            if statistics is not None and statistics.has_min_max:
                yield getattr(statistics, which)


def midnight(day: date) -> datetime:
    """The start of a day in UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def next_midnight(day: date) -> datetime:
    """The end of a day in UTC, exclusive."""
    return midnight(day + timedelta(days=1))
