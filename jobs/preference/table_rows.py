"""Rows of a custom table of preference data as a data frame, with every row checked."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.errors import InputError
from jobs.ingest.read_log import read_parts
from jobs.scenarios import PreferenceTable, Scenario
from jobs.sources.preference_files import TableFiles, TableRows, table_schema


def table_rows(
    spark: SparkSession, scenario: Scenario, table: PreferenceTable, files: TableFiles
) -> DataFrame:
    """All rows of a custom table: ``item_id``, ``value`` and ``available_at``.

    Raises:
        InputError: If a row has a missing or malformed value; the message names its file, column,
            value and item.
    """
    schema = table_schema(table, scenario)
    rows = read_parts(spark, TableRows(files.rows, table, scenario), schema)
    _refuse_bad_rows(table, rows)
    return rows.select("item_id", "value", "available_at")


def _refuse_bad_rows(table: PreferenceTable, rows: DataFrame) -> None:
    lengths = (
        rows.groupBy(F.size("value").alias("length"))
        .agg(
            F.count("*").alias("rows"),
            F.min(F.struct("file", "item_id")).alias("example"),
            F.min("refusal").alias("refusal"),
        )
        .orderBy(F.desc("rows"), "length")
        .collect()
    )
    if refusals := sorted(length.refusal for length in lengths if length.refusal is not None):
        raise InputError(f"{refusals[0]}: correct the table")
    if table.vector is not None and len(lengths) > 1:
        usual, odd = lengths[:2]
        raise InputError(
            f"{odd.example.file}: column {table.vector!r}: the vector of item "
            f"{odd.example.item_id} has {odd.length} numbers, others have {usual.length}: write "
            "vectors of one length"
        )
