"""Vectors of external files: lists of finite numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.errors import InputError
from jobs.sources.reading.column_types import is_list
from jobs.sources.reading.refusal import described, refuse_first

VECTOR = pa.list_(pa.float32())


def check_vector_type(kind: pa.DataType, where: str) -> None:
    """Check that a type can hold vectors.

    Args:
        kind: type of a column.
        where: the file and the column, for the error.

    Raises:
        InputError: If it cannot.
    """
    number = kind.value_type if is_list(kind) else None
    if number is None or not (pa.types.is_floating(number) or pa.types.is_integer(number)):
        raise InputError(
            f"{where} is {kind}, must hold lists of numbers: map another column, or export lists "
            "of floats"
        )


def as_vectors(values: pa.Array, items: pa.Array, where: str) -> pa.Array:
    """Values as vectors of float32.

    Args:
        values: lists of whole numbers or of floats of any width, shape (rows,).
        items: id of the item of each row, for errors, shape (rows,).
        where: the file and the column, for errors.

    Returns:
        list<float32>, without nulls.

    Raises:
        InputError: If the type cannot hold vectors, or a vector is missing or empty or has an
            element that is null, not finite or too large for float32. It names the item.
    """
    check_vector_type(values.type, where)
    lengths = pc.fill_null(pc.list_value_length(values), 0)
    refuse_first(pc.equal(lengths, 0), values, items, f"{where}: ", "is not a vector")
    return finite_vectors(values, items, where)


def finite_vectors(values: pa.Array, items: pa.Array, where: str) -> pa.Array:
    """As ``as_vectors``; a vector may be null or empty."""
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), VECTOR)
    check_vector_type(values.type, where)
    vectors = plain_lists(values).cast(VECTOR, safe=False)
    is_bad = pc.invert(pc.fill_null(pc.is_finite(pc.list_flatten(vectors)), False))
    rows = pc.filter(pc.list_parent_indices(vectors), is_bad)
    if len(rows):
        problem = "has an element that is not a finite number of float32"
        raise InputError(described(values, items, rows[0].as_py(), f"{where}: ", problem))
    return vectors


def plain_lists(values: pa.Array) -> pa.Array:
    """Lists of any form as ``list``, with the same values."""
    kind = values.type
    if not (pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)):
        return values.cast(pa.list_(kind.value_type))
    # Arrow's own cast of list views loses the last elements.
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    elements = pc.list_flatten(values)
    return pa.ListArray.from_arrays(offsets, elements, mask=pc.is_null(values))
