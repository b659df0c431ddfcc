"""Columns as every statistic reads them: checked, with users numbered and rows ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Users:
    """The users of some rows, numbered once for every statistic that needs them.

    Attributes:
        codes: The number of each row's user, from 0 in order of appearance, shape (rows,).
        ids: The id of each number, shape (users,).
    """

    codes: NDArray[np.int64]
    ids: NDArray[Any]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Users:
        """Return the users of the chosen rows, numbered again from 0.

        Args:
            chosen: Which rows to keep, shape (rows,).
        """
        codes, kept = _renumbered(self.codes[chosen])
        return Users(codes, self.ids[kept])


def encode_users(users: pa.ChunkedArray) -> Users:
    """Number the users of a table's column of integers or strings.

    Raises:
        ValueError: If the column holds a null.
    """
    column = users.combine_chunks().dictionary_encode()
    if column.null_count:
        raise ValueError("users hold a null id")
    codes = column.indices.to_numpy().astype(np.int64)
    return Users(codes, column.dictionary.to_numpy(zero_copy_only=False))


def checked_labels(labels: ArrayLike) -> NDArray[np.bool_]:
    """Return the labels as booleans, shape (rows,).

    Raises:
        ValueError: If labels are not one-dimensional, or hold anything but 0 and 1.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"labels must be one-dimensional, not of shape {array.shape}")
    positive = array == 1
    if not np.all(positive | (array == 0)):
        raise ValueError("labels must be 0 or 1")
    return np.asarray(positive, dtype=np.bool_)


def checked_scores(scores: ArrayLike, rows: int) -> NDArray[Any]:
    """Return the scores as a numeric array of shape (rows,) with their width unchanged.

    Infinite scores are ordered like any other.

    Raises:
        ValueError: If the shape differs, the type is not numeric, or a score is NaN.
    """
    array = np.asarray(scores)
    if array.shape != (rows,):
        raise ValueError(f"scores have shape {array.shape}, labels have shape ({rows},)")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"scores must be numbers, not {array.dtype}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError("scores hold NaN; check that the ranker's training converged")
    return array


def user_codes(users: ArrayLike | Users, rows: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Number the users from 0 in order of appearance, unless they are numbered already.

    Args:
        users: Integer or string ids, or numbered users, shape (rows,).
        rows: The number of rows.

    Returns:
        The code of each row, shape (rows,), and the id of each code, shape (users,).

    Raises:
        ValueError: If the shape differs, or an id is null.
    """
    array = users.codes if isinstance(users, Users) else np.asarray(users)
    if array.shape != (rows,):
        raise ValueError(f"users have shape {array.shape}, labels have shape ({rows},)")
    if isinstance(users, Users):
        return users.codes, users.ids
    codes, ids = pd.factorize(array)
    if rows and codes.min() < 0:
        raise ValueError("users hold a null id")
    return codes.astype(np.int64, copy=False), np.asarray(ids)


def _renumbered(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number codes again in order of appearance.

    A lookup table replaces hashing, since codes are smaller than the number of users.

    Returns:
        The new code of each row, shape (rows,), and the old code of each new one.
    """
    rows = codes.size
    first = np.full(codes.max(initial=-1) + 1, rows)
    # NumPy keeps the last write to a place; in reverse order that is the code's first row.
    first[codes[::-1]] = np.arange(rows)[::-1]
    present = np.flatnonzero(first < rows)
    kept = present[np.argsort(first[present])]
    new = np.empty_like(first)
    new[kept] = np.arange(kept.size)
    return new[codes], kept


def ascending_order(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the stable ascending order of numbers without NaN, faster than ``argsort``.

    Read as an integer, the bits of a float sort like the float, once the bits of negative numbers
    are inverted. The leading bits are sorted as integers, with the row number in place of the
    trailing bits. Rows whose values differ in the trailing bits alone are sorted a second time;
    float32 values need that from 2**29 rows only.

    Args:
        values: Numbers, shape (rows,).

    Returns:
        Row numbers, shape (rows,).
    """
    rows = values.size
    bits = rows.bit_length()
    row_bits = (1 << bits) - 1
    keys = (values + np.float64(0.0)).astype(np.float64, copy=False).view(np.int64)  # no -0.0
    keys ^= (keys >> 63) & np.iinfo(np.int64).max
    keys &= ~row_bits
    keys |= np.arange(rows)
    keys.sort()
    order = keys & row_bits
    ordered = values[order]
    descents = np.flatnonzero(ordered[1:] < ordered[:-1])
    if descents.size:
        keys >>= bits
        run = np.concatenate(([0], np.cumsum(keys[1:] != keys[:-1])))
        mixed = np.zeros(run[-1] + 1, dtype=np.bool_)
        mixed[run[descents]] = True
        again = np.flatnonzero(mixed[run])
        # Runs ascend, so sorting the rows of all mixed runs at once keeps each run in its place.
        order[again] = order[again][np.argsort(ordered[again], kind="stable")]
    return order
