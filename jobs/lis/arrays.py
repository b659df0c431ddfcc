"""Checks that every statistic makes of its columns before it computes anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def checked_labels(labels: ArrayLike) -> NDArray[np.bool_]:
    """Return the labels as booleans, shape (rows,).

    Raises ValueError unless labels are one-dimensional and hold nothing but 0 and 1.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"labels must be one-dimensional, not of shape {array.shape}")
    positive = array == 1
    if not np.all(positive | (array == 0)):
        raise ValueError("labels must be 0 or 1")
    return np.asarray(positive, dtype=np.bool_)


def checked_scores(scores: ArrayLike, rows: int) -> NDArray[Any]:
    """Return the scores as a numeric array of shape (rows,), in the width they came in.

    Infinite scores are ordered like any other. Raises ValueError for another shape,
    for a type that is not numeric and for NaN, which has no place in a ranking.
    """
    array = np.asarray(scores)
    if array.shape != (rows,):
        raise ValueError(f"scores have shape {array.shape}, labels have shape ({rows},)")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"scores must be numbers, not {array.dtype}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError("scores hold NaN; check that the ranker's training converged")
    return array


def user_codes(users: ArrayLike, rows: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Number the users from 0 in order of appearance.

    Returns the code of each row, shape (rows,), and the id of each code, shape (users,).
    Ids may be integers or strings. Raises ValueError for another shape and for null ids.
    """
    array = np.asarray(users)
    if array.shape != (rows,):
        raise ValueError(f"users have shape {array.shape}, labels have shape ({rows},)")
    codes, ids = pd.factorize(array)
    if rows and codes.min() < 0:
        raise ValueError("users hold a null id")
    return codes.astype(np.int64, copy=False), np.asarray(ids)
