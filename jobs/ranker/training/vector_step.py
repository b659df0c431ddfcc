"""The training step of a ranker that reads item vectors: their inputs are made for each batch.

Stored with the rows of a day, they would take a hundred times the space of the ids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import NO_CLICK, EncodedRows
from jobs.ranker.training.train_step import TrainStep, train_batch
from jobs.scenarios import ITEM


def vector_step(ranker: Ranker, vectors: ItemVectors) -> TrainStep:
    """Return the training step of a day.

    Args:
        ranker: A ranker that reads item vectors, once the new ids of the day have embedding rows.
        vectors: The vectors.
    """
    # Once a day, so that a step does not grow with the vocabulary.
    table = ranker.table
    positions = vectors.positions(
        ranker.vocabularies[ITEM], table.starts[ITEM], len(table.embedding)
    )

    def train(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> None:
        fields, history = rows.fields[numbers], rows.history[numbers]
        candidates = positions[fields[:, ranker.item_field]]
        clicks = np.where(history == NO_CLICK, NO_CLICK, positions[history])
        inputs = vectors.inputs(candidates, clicks)
        batch = EncodedRows(
            fields,
            history,
            np.concatenate([rows.statistics[numbers], inputs], axis=1),
            rows.labels[numbers],
            rows.ts[numbers],
        )
        train_batch(ranker, batch, np.arange(len(numbers)))

    return train
