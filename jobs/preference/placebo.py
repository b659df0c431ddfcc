"""The placebo of any kind: its rows shuffled among keys of similar popularity.

A shuffled row describes another item, so a ranker that gains from it gains from noise. Popularity
is the number of updates before the day: with popularity of the leaked days, the placebo itself
would leak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def shuffled(popularity: Integers, seed: int) -> Integers:
    """Choose for each key another key of similar popularity, whose row it gets.

    Keys are similar if ``popularity + 1`` lies between the same powers of two.

    Args:
        popularity: Of each key, shape (keys,).
        seed: Seed of the random order.

    Returns:
        Position of the chosen key for each key, shape (keys,); -1 if no other key is similar. No
        key is chosen twice.
    """
    generator = np.random.default_rng(seed)
    bucket = np.floor(np.log2(popularity + 1.0)).astype(np.int64)
    # A cycle through a random order of the bucket: no key gets its own row, unless it is alone.
    order = np.lexsort((generator.random(len(popularity)), bucket))
    starts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    following = np.arange(1, len(order) + 1)
    following[np.append(starts[1:], len(order))[: len(starts)] - 1] = starts
    taken = np.empty(len(order), np.int64)
    taken[order] = np.where(following == np.arange(len(order)), -1, order[following])
    return taken
