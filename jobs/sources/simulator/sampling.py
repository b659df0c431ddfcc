"""Weighted sampling with one table lookup per draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SLOTS_PER_ENTRY = 16


class WeightedSampler:
    """Draws indices in proportion to fixed weights.

    The unit interval is divided into equal slots: a power of two, and at least 16 per index. Each
    slot belongs to the index whose range of cumulative weights contains the slot's centre. A draw
    is one random integer and one lookup. Weights are thereby rounded to whole slots, so an index
    with a weight far below the mean may have no slot.
    """

    def __init__(self, weights: NDArray[np.floating[Any]]) -> None:
        """Build the table from ``weights``: shape (n,), non-negative, with a positive sum."""
        slots = 1 << (_SLOTS_PER_ENTRY * len(weights) - 1).bit_length()
        cumulative = np.cumsum(weights)
        centres = (np.arange(slots) + 0.5) * (cumulative[-1] / slots)
        self._owner = np.searchsorted(cumulative, centres, side="right").astype(np.int32)

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.int32]:
        """Draw ``size`` independent indices."""
        slots = rng.integers(0, len(self._owner), size=size, dtype=np.uint32)
        drawn: NDArray[np.int32] = self._owner[slots]
        return drawn
