"""A day's rows as seen by the ranker before it trains on them: its validation and wide update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score

from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows, encode
from jobs.ranker.rows.read_ahead import read_ahead
from jobs.ranker.rows.read_day import Chunk
from jobs.ranker.rows.statistics import no_statistics
from jobs.ranker.training.train_step import load_batch
from jobs.ranker.training.wide_update import update_vector_gates, update_wide
from jobs.scenarios import Fold

_BATCH_ROWS = 8192


@dataclass(frozen=True, eq=False)
class FirstLook:
    """Outputs of M_D on rows of day D, which it has not been trained on.

    Attributes:
        logits: Of both parts, float64, (rows,).
        labels: float64, (rows,).
        lineage_rows: Which rows are of the lineage fold: bool, (rows,).
        statistics: float32, (lineage rows, width).
        deep_logits: Of the deep part, float64, (lineage rows,).
        vector_logits: What each table of item vectors adds to these, before its gate, float64,
            (lineage rows, tables).
    """

    logits: NDArray[np.float64]
    labels: NDArray[np.float64]
    lineage_rows: NDArray[np.bool_]
    statistics: NDArray[np.float32]
    deep_logits: NDArray[np.float64]
    vector_logits: NDArray[np.float64]

    @property
    def auc(self) -> float | None:
        """AUC of the ranker; None if the rows are of a single class."""
        if len(np.unique(self.labels)) < 2:
            return None
        return float(roc_auc_score(self.labels, self.logits))

    @property
    def logloss(self) -> float | None:
        """Log-loss of the ranker in nats per row; None without rows."""
        if not len(self.labels):
            return None
        scores = 1 / (1 + np.exp(-self.logits))
        return float(log_loss(self.labels, scores, labels=[0, 1]))

    def update_wide_part(self, ranker: Ranker) -> None:
        """Turn the wide part of M_D into that of M_{D+1}; it learns from the lineage fold alone.

        The gates of item vectors are updated like it, given the wide part of M_D.
        """
        labels = self.labels[self.lineage_rows]
        update_vector_gates(
            ranker.network, self.logits[self.lineage_rows], self.vector_logits, labels
        )
        update_wide(ranker.network, self.statistics, self.deep_logits, labels)


def first_look(ranker: Ranker, chunks: Iterable[Chunk]) -> FirstLook:
    """Score a day's rows before the ranker is trained on them.

    Args:
        ranker: M_D.
        chunks: Rows of day D, of the lineage fold or held out.
    """
    empty = np.empty(0)
    no_flags = np.empty(0, np.bool_)
    no_rows = no_statistics(ranker.network.width)
    tables = len(ranker.vector_names)
    parts = [FirstLook(empty, empty, no_flags, no_rows, empty, np.empty((0, tables)))]
    ranker.network.eval()
    with deterministic(), torch.inference_mode():
        for chunk in read_ahead(iter(chunks)):
            is_lineage = _is_lineage(chunk)
            encoded = encode(ranker, chunk)
            found = np.empty((len(encoded), 2 + tables))
            # Apart: beside other rows, a product of matrices may round differently, and held-out
            # rows must leave no trace in the wide part.
            for numbers in (np.flatnonzero(is_lineage), np.flatnonzero(~is_lineage)):
                found[numbers] = _logits(ranker, encoded, numbers)
            parts.append(
                FirstLook(
                    found[:, 0],
                    encoded.labels.astype(np.float64),
                    is_lineage,
                    encoded.statistics[is_lineage],
                    found[is_lineage, 1],
                    found[is_lineage, 2:],
                )
            )
    return FirstLook(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0]))
    )


def _is_lineage(chunk: Chunk) -> NDArray[np.bool_]:
    folds = chunk.impressions["fold"].to_numpy(zero_copy_only=False)
    return np.asarray(folds == Fold.LINEAGE, np.bool_)


def _logits(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logits of the rows with the given numbers, (rows, 2 + tables of item vectors).

    Of both parts together, of the deep part, and what each table adds to it before its gate.
    """
    parts = [np.empty((0, 2 + len(ranker.vector_names)))]
    for start in range(0, len(numbers), _BATCH_ROWS):
        batch = load_batch(ranker, rows, numbers[start : start + _BATCH_ROWS])
        vectors = torch.nn.functional.embedding(batch.index, ranker.table.embedding)
        fields, history = torch.split(vectors, [len(ranker.fields), batch.clicked.shape[1]], dim=1)
        deep_logits = ranker.network.deep_logits(fields, history, batch.clicked, batch.statistics)
        logits = ranker.network.combined(deep_logits, batch.statistics)
        vector_logits = ranker.network.vector_logits(fields, batch.statistics)
        of_parts = [part.double() for part in (logits, deep_logits, *vector_logits)]
        parts.append(torch.stack(of_parts, dim=1).cpu().numpy())
    return np.concatenate(parts)
