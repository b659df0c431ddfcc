"""Ids of external files: whole numbers or text, never a rounded number."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.scenarios.sources import IdType
from jobs.sources.reading.column_types import as_type, is_text, plain_type

# Numbers with a point are those that pandas writes for whole numbers beside a null.
_WHOLE = r"^[+-]?\d+(\.0+)?$"
_MOST_DIGITS = 18
_BOUND = 2**63
_EXACT = 2**53


def check_id_type(kind: pa.DataType, where: str) -> None:
    """Check that a type can hold ids.

    Args:
        kind: type of a column.
        where: the file and the column, for the error.

    Raises:
        InputError: If it cannot.
    """
    plain = plain_type(kind)
    allowed = (pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_null)
    if not any(is_allowed(plain) for is_allowed in allowed):
        raise InputError(
            f"{where} is {kind}, which is no id: map a column of whole numbers or strings"
        )


def as_ids(values: pa.Array, ids: IdType, where: str) -> pa.Array:
    """Values as ids.

    Args:
        values: the values of a column.
        ids: ``string`` or ``int64``.
        where: the file and the column, for errors.

    Returns:
        string or int64, of the same length; null where there is no value, the text is empty or, for
        ``int64``, no whole number.

    Raises:
        InputError: If the type cannot hold ids, or a float is not a whole number below 2^53. The
            message has the value.
    """
    check_id_type(values.type, where)
    kind = plain_type(values.type)
    if is_text(kind):
        text = as_type(values, pa.string(), where)
        return whole_numbers(text) if ids == "int64" else _or_null(text, pc.not_equal(text, ""))
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string() if ids == "string" else pa.int64())
    if ids == "string" and pa.types.is_unsigned_integer(values.type):
        return values.cast(pa.string())
    numbers = as_type(values, pa.int64(), where)
    return numbers if ids == "int64" else numbers.cast(pa.string())


def whole_numbers(text: pa.Array) -> pa.Array:
    """Whole numbers in text as int64; null where a text is none, or does not fit."""
    text = pc.utf8_trim_whitespace(text)
    text = _or_null(text, pc.match_substring_regex(text, _WHOLE))
    if pc.any(pc.match_substring(text, ".")).as_py():
        return pa.array([_whole_number(value) for value in text.to_pylist()], pa.int64())
    text = pc.utf8_ltrim(text, "+")
    if (pc.max(pc.utf8_length(text)).as_py() or 0) > _MOST_DIGITS:
        return pa.array([_whole_number(value) for value in text.to_pylist()], pa.int64())
    return text.cast(pa.int64())


def _whole_number(text: str | None) -> int | None:
    if text is None:
        return None
    number, point, _ = text.partition(".")
    value = int(number)
    return value if -_BOUND <= value < _BOUND and (not point or abs(value) < _EXACT) else None


def _or_null(values: pa.Array, is_kept: pa.Array) -> pa.Array:
    return pc.if_else(is_kept, values, pa.scalar(None, values.type))
