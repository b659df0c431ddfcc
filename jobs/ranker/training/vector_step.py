"""The training step of a ranker that reads item vectors, which are found for each batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import NO_CLICK, EncodedRows
from jobs.ranker.rows.row_vectors import RowVectors
from jobs.ranker.training.train_step import TrainStep
from jobs.scenarios import ITEM


def vector_step(ranker: Ranker, step: TrainStep) -> TrainStep:
    """Return the training step of a day.

    Args:
        ranker: The ranker, once the new ids of the day have embedding rows.
        step: A step on rows that have their item vectors. It is returned if the ranker reads none.
    """
    names = ranker.vector_names
    if not names:
        return step
    # Once a day, so that a step does not grow with the vocabulary.
    table, vocabulary = ranker.table, ranker.vocabularies[ITEM]
    positions = {
        name: ranker.item_vectors[name].positions(
            vocabulary, table.starts[ITEM], len(table.embedding)
        )
        for name in names
    }

    def train(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> None:
        fields, history = rows.fields[numbers], rows.history[numbers]
        vectors = {}
        for name, position in positions.items():
            candidates = position[fields[:, ranker.item_field]]
            clicks = np.where(history == NO_CLICK, NO_CLICK, position[history])
            vectors[name] = RowVectors.of(ranker.item_vectors[name], candidates, clicks)
        batch = EncodedRows(
            fields,
            history,
            rows.statistics[numbers],
            rows.labels[numbers],
            rows.ts[numbers],
            vectors,
        )
        step(ranker, batch, np.arange(len(numbers)))

    return train
