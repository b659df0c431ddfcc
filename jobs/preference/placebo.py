"""The placebo of any kind: its rows shuffled among keys of similar popularity.

A shuffled row describes another item, so a ranker that gains from it gains from noise. Popularity
is the number of updates before the day: with popularity of the leaked days, the placebo itself
would leak.

Rows change places among the keys of the lineage fold alone. Which other keys a table has depends on
the rows of the other folds, held-out labels included: an item may be in it only because someone
clicked it there. Such a key gets the row of a lineage key, chosen by a hash of its own id, so that
it changes no other key's row.
"""

from __future__ import annotations

from hashlib import md5

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def shuffled(
    keys: pa.Array, popularity: Integers, is_lineage: NDArray[np.bool_], seed: int
) -> Integers:
    """Choose for each key a lineage key of similar popularity, whose row it gets.

    Keys are similar if ``popularity + 1`` lies between the same powers of two.

    Args:
        keys: Distinct ids, (keys,).
        popularity: Of each key, (keys,).
        is_lineage: Whether rows of the lineage fold have the key, (keys,).
        seed: Seed of the random order.

    Returns:
        Position of the chosen key for each key, (keys,); -1 if no other lineage key is similar. No
        key gets its own row, and the row of a lineage key goes to one lineage key.
    """
    bucket = np.floor(np.log2(popularity + 1.0)).astype(np.int64)
    lineage = np.flatnonzero(is_lineage)
    generator = np.random.default_rng(seed)
    order = lineage[np.lexsort((generator.random(len(lineage)), bucket[lineage]))]
    starts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    ends = np.append(starts[1:], len(order))[: len(starts)]
    # A cycle through a random order of the bucket: no key gets its own row, unless it is alone.
    following = np.arange(1, len(order) + 1)
    following[ends - 1] = starts
    taken = np.full(len(keys), -1)
    taken[order] = np.where(following == np.arange(len(order)), -1, order[following])
    others = np.flatnonzero(~is_lineage)
    if not len(starts):
        return taken
    of_bucket = np.searchsorted(bucket[order[starts]], bucket[others])
    found = np.append(bucket[order[starts]], -1)[of_bucket] == bucket[others]
    others, of_bucket = others[found], of_bucket[found]
    hashes = np.array([_hash(seed, key) for key in keys.take(pa.array(others)).to_pylist()], int)
    taken[others] = order[starts[of_bucket] + hashes % (ends - starts)[of_bucket]]
    return taken


def _hash(seed: int, key: object) -> int:
    return int(md5(f"{seed}/{key}".encode(), usedforsecurity=False).hexdigest()[:8], 16)
