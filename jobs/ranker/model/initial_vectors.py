"""Initial embeddings: small, and a function of the id alone.

Embeddings of exactly zero make Adagrad's first step a full one even where gradients cancel to
rounding, so that CPU and GPU would differ. Vectors drawn from the id do not depend on the order in
which ids appear.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

INITIAL_SCALE = 0.01
"""Initial coordinates are uniform between plus and minus this."""

_HASH_KEY = "0123456789abcdef"
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def initial_vectors(ids: pa.Array, field: str, seed: int, dim: int) -> NDArray[np.float32]:
    """Return the initial embedding of each id.

    Args:
        ids: Ids of a field, (n,).
        field: Name of the field: equal ids of two fields get different vectors.
        seed: Seed of the ranker.
        dim: Length of an embedding.

    Returns:
        float32, (n, dim).
    """
    values = ids.to_numpy(zero_copy_only=False)
    of_id = pd.util.hash_array(values, hash_key=_HASH_KEY, categorize=False)
    of_field = pd.util.hash_array(np.array([f"{seed} {field}"], object), hash_key=_HASH_KEY)
    with np.errstate(over="ignore"):
        counters = np.arange(1, dim + 1, dtype=np.uint64) * _GOLDEN
        mixed = _mix(_mix(of_id ^ of_field)[:, None] + counters)
    uniform = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return ((2 * uniform - 1) * INITIAL_SCALE).astype(np.float32)


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
