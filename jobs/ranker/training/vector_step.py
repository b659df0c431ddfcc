"""The training step of a ranker that reads item vectors: their inputs are made for each batch.

Stored with the rows of a day, they would take a hundred times the space of the ids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import NO_CLICK, EncodedRows
from jobs.ranker.training.train_step import TrainStep
from jobs.scenarios import ITEM


def vector_step(ranker: Ranker, step: TrainStep) -> TrainStep:
    """Return the training step of a day.

    Args:
        ranker: The ranker, once the new ids of the day have embedding rows.
        step: A step on rows that have all of their inputs. It is returned if the ranker reads no
            item vectors.
    """
    tables = ranker.vectors_in_order
    if not tables:
        return step
    # Once a day, so that a step does not grow with the vocabulary.
    table, vocabulary = ranker.table, ranker.vocabularies[ITEM]
    positions = [
        vectors.positions(vocabulary, table.starts[ITEM], len(table.embedding))
        for vectors in tables
    ]

    def train(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> None:
        fields, history = rows.fields[numbers], rows.history[numbers]
        inputs = [rows.statistics[numbers]]
        for vectors, position in zip(tables, positions, strict=True):
            candidates = position[fields[:, ranker.item_field]]
            clicks = np.where(history == NO_CLICK, NO_CLICK, position[history])
            inputs.append(vectors.inputs(candidates, clicks))
        batch = EncodedRows(
            fields,
            history,
            np.concatenate(inputs, axis=1),
            rows.labels[numbers],
            rows.ts[numbers],
        )
        step(ranker, batch, np.arange(len(numbers)))

    return train
