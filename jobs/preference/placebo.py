"""The placebo of any kind: its rows shuffled among keys of like popularity.

What a shuffled table says of an item is true of another one, so a ranker that gains from it gains
from noise. Popularity is what the ranker had seen before the day: with that of the leaked days,
the placebo itself would leak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def shuffled(popularity: Integers, seed: int) -> Integers:
    """For each key the position of the key whose row it gets, shape (keys,).

    Keys are alike if their popularity, shape (keys,), has the same power of two below it. Among
    likes every key gets another one's row; a key with no like gets none (-1).
    """
    generator = np.random.default_rng(seed)
    bucket = np.floor(np.log2(popularity + 1.0)).astype(np.int64)
    # One lap through a random order of the bucket: so no key of two or more meets itself.
    order = np.lexsort((generator.random(len(popularity)), bucket))
    starts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    following = np.arange(1, len(order) + 1)
    following[np.append(starts[1:], len(order))[: len(starts)] - 1] = starts
    taken = np.empty(len(order), np.int64)
    taken[order] = np.where(following == np.arange(len(order)), -1, order[following])
    return taken
