"""The one type that a column is read as from all files of a table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError

_EXACT_BITS = {pa.float16(): 11, pa.float32(): 24, pa.float64(): 53}
"""A float holds every whole number below two to this power."""


def common_type(column: str, types_by_file: Mapping[str, pa.DataType]) -> pa.DataType:
    """The type that holds the values of a column in all files.

    Whole numbers of any width are read as int64, floats as float32 or float64, text of any form as
    string, timestamps as microseconds in UTC, and a column of nulls as what the other files have.
    Of whole numbers in one file and floats in another, the floats must be whole: see ``as_type``.

    Args:
        column: name of the column, for the error.
        types_by_file: its type in each file, by the name of the file.

    Raises:
        InputError: If two files have types without a safe common one. It names both files.
    """

    def joined(
        first: tuple[str, pa.DataType], second: tuple[str, pa.DataType]
    ) -> tuple[str, pa.DataType]:
        common = _common(first[1], second[1])
        if common is None:
            was, now = types_by_file[first[0]], types_by_file[second[0]]
            raise InputError(
                f"{second[0]}: column {column!r} is {now}, but {was} in {first[0]}: export all "
                "files with the same types"
            )
        # The file is kept that decided the type, and not one of nulls.
        return (second[0] if pa.types.is_null(first[1]) else first[0]), common

    plain = [(name, plain_type(kind)) for name, kind in types_by_file.items()]
    return reduce(joined, plain)[1]


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that a column of one file is read as; see ``common_type``."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64() if pa.types.is_float64(kind) else pa.float32()
    if is_text(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=None if kind.tz is None else "UTC")
    if pa.types.is_date(kind):
        return pa.date32()
    if is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    return kind


def as_type(values: pa.Array, kind: pa.DataType, where: str) -> pa.Array:
    """Values as a type of ``common_type``.

    Args:
        values: the values of a file.
        kind: the common type.
        where: the file and the column, for errors.

    Raises:
        InputError: If a value is no whole number or is too large, where ``kind`` is int64.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == kind:
        return values
    if pa.types.is_floating(values.type) and pa.types.is_int64(kind):
        return _whole(values, where)
    try:
        # Only nanoseconds lose digits.
        return values.cast(kind, safe=not pa.types.is_timestamp(kind))
    except pa.ArrowInvalid as error:
        raise InputError(f"{where}: {_first_line(error)}: export it as {kind}") from error


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text, also as bytes of UTF-8."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    """Whether a type is numbers."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is lists, of fixed or variable length."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    both = (first, second)
    if all(map(pa.types.is_floating, both)):
        return pa.float64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in both):
        return pa.int64()
    if all(map(is_list, both)):
        value = _common(first.value_type, second.value_type)
        return None if value is None else pa.list_(value)
    return None


def _whole(values: pa.Array, where: str) -> pa.Array:
    """Floats as int64; NaN, which pandas writes for a null, is null."""
    bits = _EXACT_BITS[values.type]
    numbers = values.cast(pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    is_exact = pc.and_(
        pc.equal(numbers, pc.trunc(numbers)), pc.less(pc.abs(numbers), float(2**bits))
    )
    if pc.all(is_exact, min_count=0).as_py():
        return numbers.cast(pa.int64())
    value = numbers.filter(pc.invert(is_exact))[0].as_py()
    problem = (
        "has a fraction"
        if abs(value) < 2**bits
        else f"is beyond 2^{bits}, where it no longer holds every whole number"
    )
    raise InputError(
        f"{where} is {values.type} and holds {value!r}, which {problem}: export whole numbers or "
        "strings"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
