"""Times of a log as microseconds in UTC; what cannot be read, or is no time of a log, is null."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.common.errors import InputError
from jobs.lake.schemas import TIMESTAMP
from jobs.scenarios.sources import TableSource, TimeUnit
from jobs.sources.reading.column_types import as_type, is_number, plain_type

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""A time outside is no time of a log: zero for a missing one, or another unit."""

TIME_UNITS: tuple[TimeUnit, ...] = ("s", "ms", "us", "ns")
_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_MICROSECOND = 1_000
_ISO = (
    r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:[T ](?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)?)?"
    r" ?(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
_DAY_FIRST = r"^\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})\b"
# Whole numbers that fit into int64.
_NUMBER = r"^(?P<whole>\d{1,18}|[0-8]\d{18})(?:\.(?P<part>\d*))?$"
# An exponent of three digits is no time in any unit, and one of eight takes minutes to work out.
_SCIENTIFIC = r"^\d+(\.\d*)?[eE][+-]?\d{1,2}$"


def check_time_type(kind: pa.DataType, unit: TimeUnit, where: str) -> None:
    """Check that a column of a type can hold times in a unit.

    Raises:
        InputError: If it cannot.
    """
    plain = plain_type(kind)
    is_time = pa.types.is_timestamp(plain) or pa.types.is_date(plain)
    if pa.types.is_string(plain) or pa.types.is_null(plain) or (unit == "timestamp" and is_time):
        return
    if unit != "timestamp" and is_number(plain):
        return
    if unit == "timestamp" and is_number(plain):
        needs = "a date or time: set source.ts_unit to s, ms, us or ns"
    elif is_time:
        needs = f"a number (ts_unit is {unit}): leave ts_unit out"
    else:
        needs = "a date or time: map another column"
    raise InputError(f"{where} is {kind}, where ts needs {needs}")


def times_of(values: pa.Array, source: TableSource, where: str) -> pa.Array:
    """Times as ``timestamp[us, UTC]``; null where there is none, also before 1990 and after 2099.

    Raises:
        InputError: If a text begins with the day or the month, and no format is given.
    """
    times = unbounded_times(values, source, where)
    is_time = pc.and_(pc.greater_equal(times, EARLIEST), pc.less(times, LATEST))
    return pc.if_else(is_time, times, pa.scalar(None, TIMESTAMP))


def unbounded_times(values: pa.Array, source: TableSource, where: str) -> pa.Array:
    """As ``times_of``, with times before 1990 and after 2099 as far as they can be stored."""
    check_time_type(values.type, source.ts_unit, where)
    kind = plain_type(values.type)
    if pa.types.is_null(kind):
        return pa.nulls(len(values), TIMESTAMP)
    if pa.types.is_timestamp(kind):
        return as_type(values, kind, where).cast(TIMESTAMP)
    if pa.types.is_date(kind):
        return values.cast(pa.timestamp("us"), safe=False).cast(TIMESTAMP)
    if not pa.types.is_string(kind):
        return _of_numbers(_as_numbers(values), source.ts_unit)
    text = pc.utf8_trim_whitespace(as_type(values, pa.string(), where))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if source.ts_unit != "timestamp":
        return _of_number_text(text, source.ts_unit)
    if source.ts_format is not None:
        series = pd.Series(text.to_numpy(zero_copy_only=False), dtype=object)
        parsed = pd.to_datetime(series, format=source.ts_format, errors="coerce", utc=True)
        return pa.Array.from_pandas(parsed).cast(TIMESTAMP, safe=False)
    return iso_times(text, where)


def likely_unit(values: pa.Array, source: TableSource, where: str) -> TimeUnit | None:
    """The unit in which numbers, or text of numbers, are times of a log, if there is one."""
    for unit in TIME_UNITS:
        assumed = source.model_copy(update={"ts_unit": unit, "ts_format": None})
        try:
            times = times_of(values, assumed, where)
        except InputError:
            return None
        if len(times) > times.null_count and times.null_count <= len(times) // 2:
            return unit
    return None


def _as_numbers(values: pa.Array) -> pa.Array:
    """Whole numbers as int64, others as float64; null where there is none, or it is too large."""
    if pa.types.is_uint64(values.type):
        fits = pc.less(values, pa.scalar(2**63, pa.uint64()))
        values = pc.if_else(fits, values, pa.scalar(None, values.type))
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    numbers = values.cast(pa.float64())
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _of_numbers(numbers: pa.Array, unit: TimeUnit) -> pa.Array:
    end = int(LATEST.timestamp()) * _NANOSECONDS["s"] // _NANOSECONDS[unit]
    # Arrow compares floats with floats alone, where a number is beyond 2^53.
    bound = end if pa.types.is_integer(numbers.type) else float(end)
    in_bounds = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, bound))
    numbers = pc.if_else(in_bounds, numbers, pa.scalar(None, numbers.type))
    factor, divisor = _factors(unit)
    if pa.types.is_integer(numbers.type):
        return pc.divide(pc.multiply(numbers, factor), divisor).cast(TIMESTAMP)
    micros = pc.round(pc.multiply(numbers, factor / divisor))
    return micros.cast(pa.int64()).cast(TIMESTAMP)


def _of_number_text(text: pa.Array, unit: TimeUnit) -> pa.Array:
    """Exact, where a float would lose the last digits."""
    parts = pc.extract_regex(text, _NUMBER)
    whole = pc.struct_field(parts, "whole").cast(pa.int64())
    times = _of_numbers(whole, unit)
    digits = pc.struct_field(parts, "part")
    if pc.any(pc.greater(pc.binary_length(digits), 0)).as_py():
        millionths = pc.utf8_rpad(pc.utf8_slice_codeunits(digits, 0, 6), 6, "0").cast(pa.int64())
        factor, divisor = _factors(unit)
        part = pc.divide(pc.multiply(millionths, factor), 1_000_000 * divisor)
        times = pc.add(times.cast(pa.int64()), part).cast(TIMESTAMP)
    is_scientific = pc.match_substring_regex(text, _SCIENTIFIC)
    if pc.any(is_scientific).as_py():
        exact = [_micros(value, unit) for value in text.filter(is_scientific).to_pylist()]
        mask = pc.fill_null(is_scientific, False)
        times = pc.replace_with_mask(times, mask, pa.array(exact, TIMESTAMP))
    return times


def _micros(text: str, unit: TimeUnit) -> int | None:
    try:
        micros = int(Decimal(text) * _NANOSECONDS[unit] / _MICROSECOND)
    except (InvalidOperation, OverflowError):
        return None
    return micros if micros < LATEST.timestamp() * 1_000_000 else None


def _factors(unit: TimeUnit) -> tuple[int, int]:
    """Microseconds in a unit, as a fraction."""
    return max(1, _NANOSECONDS[unit] // _MICROSECOND), max(1, _MICROSECOND // _NANOSECONDS[unit])


def iso_times(text: pa.Array, where: str) -> pa.Array:
    """Times in text that begins with the year; null where a text is none.

    Raises:
        InputError: If a text begins with the day or the month.
    """
    # Arrow's own parser is ten times as fast, and ends at the first text that it cannot read.
    for kind in (pa.timestamp("us"), TIMESTAMP):
        try:
            return text.cast(kind).cast(TIMESTAMP)
        except pa.ArrowInvalid:
            continue
    parts = pc.extract_regex(text, _ISO)
    times = _from_parts(parts)
    unread = text.filter(pc.and_(pc.is_null(times), pc.is_valid(text)))
    foreign = unread.filter(pc.match_substring_regex(unread, _DAY_FIRST))
    if len(foreign):
        raise InputError(
            f"{where} holds {foreign[0].as_py()!r}, where ts needs a date or time that begins with "
            "the year: set source.ts_format, such as '%d.%m.%Y %H:%M' or '%m/%d/%Y %H:%M', and "
            "write all rows in one format"
        )
    return times


def _from_parts(parts: pa.Array) -> pa.Array:
    def number(name: str, default: int = 0) -> NDArray[np.int64]:
        digits = pc.struct_field(parts, name)
        digits = pc.if_else(pc.equal(digits, ""), pa.scalar(str(default)), digits)
        found: NDArray[np.int64] = pc.fill_null(digits.cast(pa.int64()), default).to_numpy()
        return found

    year, month, day = number("year", 1970), number("month", 1), number("day", 1)
    hour, minute, second = number("hour"), number("minute"), number("second")
    fraction = pc.utf8_rpad(
        pc.utf8_slice_codeunits(pc.fill_null(pc.struct_field(parts, "fraction"), ""), 0, 6), 6, "0"
    )
    micros = fraction.cast(pa.int64()).to_numpy()
    is_valid = pc.is_valid(pc.struct_field(parts, "year")).to_numpy(zero_copy_only=False)
    is_valid &= (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60)
    is_valid &= second < 60
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]") + (day - 1)
    is_valid &= days.astype("datetime64[M]") == first
    seconds = days.astype(np.int64) * 86_400 + hour * 3_600 + minute * 60 + second
    seconds -= _zone_seconds(pc.struct_field(parts, "zone"))
    return pa.array(seconds * 1_000_000 + micros, mask=~is_valid).cast(TIMESTAMP)


def _zone_seconds(zone: pa.Array) -> NDArray[np.int64]:
    """Seconds east of UTC; a time without a zone is UTC."""
    coded = pc.fill_null(zone, "").dictionary_encode()
    seconds = np.array([_offset(text) for text in coded.dictionary.to_pylist()], np.int64)
    return seconds[coded.indices.to_numpy()] if len(seconds) else np.zeros(len(zone), np.int64)


def _offset(zone: str) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3_600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds
