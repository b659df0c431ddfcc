"""Settings of a day's training: those of the scenario, and by the size of the day where open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from jobs.scenarios import RankerOptions

Number = TypeVar("Number", int, float)

STEPS_A_DAY = 32
"""Training steps that a day is divided into, as far as batches stay within the limits below."""
SMALLEST_BATCH, LARGEST_BATCH = 16, 4096
EMBEDDING_RATE = 0.2
DENSE_RATE = 0.001
EMBEDDING_DECAY = 0.0
EPOCHS = 1


@dataclass(frozen=True)
class TrainingSettings:
    """How a day trains the ranker.

    Attributes:
        batch_size: Rows of a training step.
        epochs: Passes over the rows.
        embedding_rate: Learning rate of row-wise Adagrad.
        dense_rate: Learning rate of Adam for the deep part.
        embedding_decay: L2 penalty on the embedding rows of a training step.
    """

    batch_size: int
    epochs: int
    embedding_rate: float
    dense_rate: float
    embedding_decay: float


def training_settings(options: RankerOptions, rows: int) -> TrainingSettings:
    """Return the settings for a day.

    Args:
        options: The scenario's; those that are None follow the size of the day.
        rows: Training rows of the day.
    """
    nearest = 2 ** round(math.log2(max(rows, 1) / STEPS_A_DAY))
    batch_size = min(max(nearest, SMALLEST_BATCH), LARGEST_BATCH)
    return TrainingSettings(
        batch_size=_or(options.batch_size, batch_size),
        epochs=_or(options.epochs, EPOCHS),
        embedding_rate=_or(options.embedding_rate, EMBEDDING_RATE),
        dense_rate=_or(options.dense_rate, DENSE_RATE),
        embedding_decay=_or(options.embedding_decay, EMBEDDING_DECAY),
    )


def _or(given: Number | None, automatic: Number) -> Number:
    return automatic if given is None else given
