"""The inputs of an encoder for the items of a training step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from jobs.alignment.encoders.encoder import ContentEncoder, Inputs

MOST_BYTES = 256 << 20
"""Inputs of all items up to this size are read once and kept."""
_SAMPLE = 16


class StepInputs:
    """Reads the content of items: once if all of it fits, such as tokens, else for each step."""

    def __init__(self, encoder: ContentEncoder, content: pa.Table) -> None:
        """Read what fits.

        Args:
            encoder: Whose inputs they are.
            content: ``item_id`` and columns of content.
        """
        self._encoder = encoder
        self._content = content
        sample = encoder.inputs(content.slice(0, _SAMPLE))
        size = sum(values.nbytes for values in sample.values()) / min(len(content), _SAMPLE)
        self._kept = encoder.inputs(content) if size * len(content) <= MOST_BYTES else None

    def __len__(self) -> int:
        return len(self._content)

    def of(self, items: NDArray[np.int64]) -> Inputs:
        """Inputs of the items with the given numbers, on the CPU."""
        if self._kept is None:
            return self._encoder.inputs(self._content.take(pa.array(items)))
        index = torch.from_numpy(np.ascontiguousarray(items))
        return {name: values[index] for name, values in self._kept.items()}
