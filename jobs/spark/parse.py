"""Ids and moments out of whatever a file holds; what is neither becomes null."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T


def parse_id(value: Column, kind: T.DataType) -> Column:
    """An id of a scenario's ``source.ids``, which Spark knows as ``kind``."""
    if isinstance(kind, T.StringType):
        text = value.cast("string")
        return F.when(text != "", text)
    return value.try_cast("bigint")


def parse_timestamp(value: Column) -> Column:
    """A moment written out, year first."""
    # Spark takes a bare time of day as one of today, which changes from run to run.
    has_year = value.cast("string").rlike(r"^\s*\d{4}")
    return F.when(has_year, value.try_cast("timestamp"))
