"""Score a day with M_T: once with its item embeddings, once with those of each later ranker.

The paper leaks the item-ID embedding this way: swap the item embeddings, leave everything else of
M_T as it is (arXiv 2508.04963, section 3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding

from jobs.lake import Lake
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows, encode, pad
from jobs.ranker.rows.read_ahead import read_ahead
from jobs.ranker.rows.read_day import SEEN_ROWS, Chunk, read_day, require_day
from jobs.ranker.rows.row_attributes import no_row_attributes, row_attributes
from jobs.scenarios import ITEM, Fold, Scenario

BASELINE = "baseline"
_BATCH_ROWS = 8192


@dataclass(frozen=True)
class SlotTable:
    """Vectors of an embedding slot.

    Attributes:
        ids: Distinct ids, (ids,).
        vectors: float32, (ids, dim).
    """

    ids: pa.Array
    vectors: NDArray[np.float32]

    @classmethod
    def from_arrow(cls, table: pa.Table, slot: str = ITEM) -> SlotTable:
        """Read the slot's column and ``embedding`` of a features or snapshots table."""
        ids = table[slot].combine_chunks()
        vectors = table["embedding"].combine_chunks()
        flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        return cls(ids, flat.reshape(len(ids), vectors.type.list_size))


@dataclass(frozen=True)
class DayScores:
    """Scores of the rows of a day; everything has the same length and order.

    Attributes:
        rows: Table with the columns of ``row_attributes``.
        item_updates: int64, (rows,). Number of rows of the item that M_T has been trained on.
        scores: For each variant, click probabilities: float64, (rows,).
        covered: For each variant, whether its table contains the row's id: bool, (rows,).
    """

    rows: pa.Table
    item_updates: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]
    covered: Mapping[str, NDArray[np.bool_]]


def score_day(
    lake: Lake,
    scenario: Scenario,
    as_of: date,
    variants: Mapping[str, SlotTable],
    folds: Collection[Fold] = (Fold.EVAL, Fold.LINEAGE),
    slot: str = ITEM,
) -> DayScores:
    """Score the rows of day T with M_T, once as ``baseline`` and once with each variant's vectors.

    A variant replaces the vectors of all ids in its table, those of items in click histories
    included. Other ids keep the vector of M_T, or zero where M_T has none.

    Args:
        lake: Where rows and checkpoint are stored.
        scenario: The ranker's scenario.
        as_of: Day T.
        variants: Name of each variant and its vectors.
        folds: Folds to score; of the lineage fold a sample of about ``SEEN_ROWS`` rows.
        slot: The embedding slot whose vectors are replaced.

    Raises:
        InputError: If M_T, or the day's impressions or history, are not published.
        ValueError: If a variant is named ``baseline`` or has vectors of another dimension.
    """
    require_day(lake, scenario, as_of)
    ranker = read_checkpoint(lake, scenario, as_of)
    chunks = read_day(lake, scenario, as_of, folds, SEEN_ROWS)
    return score_rows(ranker, scenario, chunks, variants, slot)


def score_rows(
    ranker: Ranker,
    scenario: Scenario,
    chunks: Iterable[Chunk],
    variants: Mapping[str, SlotTable],
    slot: str = ITEM,
) -> DayScores:
    """Like ``score_day``, for a ranker and rows in memory."""
    if BASELINE in variants:
        raise ValueError(f"a variant cannot be named {BASELINE!r}")
    slot_vectors = _SlotVectors(ranker, slot, variants)
    rows: list[pa.RecordBatch] = []
    updates = [np.empty(0, np.int64)]
    scores = {name: [np.empty(0)] for name in slot_vectors.vectors}
    covered = {name: [np.empty(0, np.bool_)] for name in slot_vectors.vectors}
    ranker.network.eval()
    with deterministic(), torch.inference_mode():
        for chunk in read_ahead(iter(chunks)):
            encoded = encode(ranker, chunk)
            index = slot_vectors.rows(chunk.impressions[slot])
            rows.append(row_attributes(scenario, chunk))
            updates.append(ranker.table.updates[encoded.fields[:, ranker.item_field]])
            for name, logits in _logits(ranker, slot_vectors, chunk, encoded, index).items():
                scores[name].append(1 / (1 + np.exp(-logits.astype(np.float64))))
                covered[name].append(slot_vectors.covered[name][index])
    return DayScores(
        rows=pa.Table.from_batches(rows) if rows else no_row_attributes(scenario),
        item_updates=np.concatenate(updates),
        scores={name: np.concatenate(parts) for name, parts in scores.items()},
        covered={name: np.concatenate(parts) for name, parts in covered.items()},
    )


class _SlotVectors:
    """Vectors of an embedding slot in all variants, over the ids of M_T and all variants.

    Row 0 stands for every other id.

    Attributes:
        vectors: For each variant, float32, (ids + 1, dim).
        covered: For each variant, whether its table contains the id: bool, (ids + 1,).
    """

    def __init__(self, ranker: Ranker, slot: str, variants: Mapping[str, SlotTable]) -> None:
        self.slot = slot
        ranker_ids = ranker.vocabularies[slot]
        self.vocabulary = ranker_ids
        for table in variants.values():
            self.vocabulary = self.vocabulary.extended(table.ids)
        block = ranker.table.block(slot).padded(len(self.vocabulary))
        baseline = np.pad(block.embedding, ((1, 0), (0, 0)))
        self.vectors = {BASELINE: torch.from_numpy(baseline).to(ranker.device)}
        self.covered = {BASELINE: np.arange(len(baseline)) - 1 < len(ranker_ids)}
        self.covered[BASELINE][0] = False
        for name, table in variants.items():
            expected = (len(table.ids), baseline.shape[1])
            if table.vectors.shape != expected:
                shape = table.vectors.shape
                raise ValueError(f"variant {name!r} has vectors of shape {shape}, not {expected}")
            rows = self.rows(table.ids)
            vectors, covered = baseline.copy(), np.zeros(len(baseline), np.bool_)
            vectors[rows], covered[rows] = table.vectors, True
            self.vectors[name] = torch.from_numpy(vectors).to(ranker.device)
            self.covered[name] = covered

    def rows(self, ids: pa.Array) -> NDArray[np.int64]:
        return self.vocabulary.rows(ids) + 1


def _logits(
    ranker: Ranker,
    slot_vectors: _SlotVectors,
    chunk: Chunk,
    encoded: EncodedRows,
    index: NDArray[np.int64],
) -> dict[str, NDArray[np.float32]]:
    """Logits of each variant, (rows,); ``index`` gives each row's vector in ``slot_vectors``."""
    field = ranker.fields.index(slot_vectors.slot)
    history = encoded.history
    if slot_vectors.slot == ITEM:
        # Click histories may contain items that only a variant has a vector for.
        items = slot_vectors.rows(chunk.clicks.items)
        history = pad(chunk.clicks, items, len(chunk), ranker.options.history_length)
    logits: dict[str, list[Tensor]] = {name: [] for name in slot_vectors.vectors}
    for start in range(0, len(chunk), _BATCH_ROWS):
        batch = slice(start, start + _BATCH_ROWS)
        fields = embedding(_tensor(encoded.fields[batch], ranker), ranker.table.embedding)
        ids, clicks = _tensor(index[batch], ranker), _tensor(history[batch], ranker)
        is_click, clicks = clicks >= 0, clicks.clamp(min=0)
        statistics = torch.from_numpy(encoded.dense_inputs(batch)).to(ranker.device)
        for name, vectors in slot_vectors.vectors.items():
            fields[:, field] = embedding(ids, vectors)
            clicked_vectors = vectors if slot_vectors.slot == ITEM else ranker.table.embedding
            clicked = embedding(clicks, clicked_vectors)
            logits[name].append(ranker.network(fields, clicked, is_click, statistics))
    return {
        name: torch.cat(parts).cpu().numpy() if parts else np.empty(0, np.float32)
        for name, parts in logits.items()
    }


def _tensor(rows: NDArray[np.int64], ranker: Ranker) -> Tensor:
    return torch.from_numpy(rows).to(ranker.device)
