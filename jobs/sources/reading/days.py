"""Days in a column of an external file: dates, or moments that are the start of a day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.sources.reading.column_types import as_type, is_text, plain_type
from jobs.sources.reading.refusal import refuse_first

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = (
    "is not the start of a day in UTC; the table of a day has seen nothing of that day: "
    "write the day as a date"
)


def check_day_type(kind: pa.DataType, where: str) -> None:
    """Check that a type can hold days.

    Raises:
        InputError: If it cannot.
    """
    plain = plain_type(kind)
    if not (is_text(plain) or pa.types.is_date(plain) or pa.types.is_timestamp(plain)):
        raise InputError(f"{where} is {kind}, must hold dates: write YYYY-MM-DD, or a date type")


def days_of(values: pa.Array, items: pa.Array, where: str) -> pa.Array:
    """Days as text, YYYY-MM-DD.

    Args:
        values: dates, timestamps or text, shape (rows,). A time without a zone is UTC.
        items: id of the item of each row, for errors, shape (rows,).
        where: the file and the column, for errors.

    Raises:
        InputError: If a value is no day, or is a moment within one: cut to its day it would be
            taken for a table that has seen less than it has.
    """
    check_day_type(values.type, where)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    where = f"{where}: "
    refuse_first(pc.is_null(values), values, items, where, "is not a date")
    if pa.types.is_timestamp(values.type):
        utc = values.cast(pa.timestamp(values.type.unit, tz="UTC"))
        is_within = pc.not_equal(pc.floor_temporal(utc, unit="day"), utc)
        refuse_first(is_within, utc.cast(pa.string()), items, where, _MOMENT)
        values = utc.cast(pa.timestamp(values.type.unit)).cast(pa.date32())
    elif is_text(values.type):
        text = as_type(values, pa.string(), where).dictionary_encode()
        days = [_day(value) for value in text.dictionary.to_pylist()]
        found = pa.array(days, pa.date32()).take(text.indices)
        values = text.dictionary_decode()
        is_time = pa.array([_is_time(value) for value in text.dictionary.to_pylist()], pa.bool_())
        is_moment = pc.and_(pc.is_null(found), is_time.take(text.indices))
        refuse_first(is_moment, values, items, where, _MOMENT)
        refuse_first(pc.is_null(found), values, items, where, "is not a date YYYY-MM-DD")
        values = found
    return values.cast(pa.date32()).cast(pa.string())


def _day(text: str) -> date | None:
    """The day of a text, None if it is no day or a moment within one."""
    moment = _moment(text)
    if moment is None or moment.time() != time():
        return None
    return moment.date()


def _is_time(text: str) -> bool:
    return _moment(text) is not None


def _moment(text: str) -> datetime | None:
    text = text.strip()
    if not _DATE.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
