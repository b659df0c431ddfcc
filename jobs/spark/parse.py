"""Parsing of ids and timestamps; invalid values become null."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T


def parse_id(value: Column, kind: T.DataType) -> Column:
    """Parse an id of Spark type ``kind``; empty strings are null."""
    if isinstance(kind, T.StringType):
        text = value.cast("string")
        return F.when(text != "", text)
    return value.try_cast("bigint")


def parse_timestamp(value: Column) -> Column:
    """Parse a timestamp in text that begins with the year."""
    # Spark reads a time without a date as a time of today, so reruns would differ.
    has_year = value.cast("string").rlike(r"^\s*\d{4}")
    return F.when(has_year, value.try_cast("timestamp"))
