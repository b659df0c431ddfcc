"""Batches of rankers that are trained side by side, each without some of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def seed_batches(
    kept: NDArray[np.bool_], batch_size: int, orders: Sequence[np.random.Generator]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of nearly equal size of the shuffled rows of each seed.

    All seeds have the same number of batches; shorter ones are padded.

    Args:
        kept: Whether a seed keeps a row, (seeds, rows).
        batch_size: Most rows of a batch.
        orders: The random order of each seed.

    Yields:
        Row numbers, int64, (seeds, batch), and which of them are not padding, bool, of that shape.
    """
    shuffled = [
        order.permutation(np.flatnonzero(of_seed))
        for of_seed, order in zip(kept, orders, strict=True)
    ]
    steps = -(-max(map(len, shuffled)) // batch_size)
    if not steps:
        return
    for parts in zip(*(np.array_split(rows, steps) for rows in shuffled), strict=True):
        lengths = np.array([len(part) for part in parts])
        is_row = np.arange(lengths.max()) < lengths[:, None]
        batch = np.zeros(is_row.shape, np.int64)
        batch[is_row] = np.concatenate(parts)
        yield torch.from_numpy(batch), torch.from_numpy(is_row)
