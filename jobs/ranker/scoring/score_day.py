"""Scoring a day with M_T: with its own item embeddings, and with those of a later ranker.

Swapping the item embedding while everything else of M_T stays is how the paper leaks the item-ID
embedding (arXiv 2508.04963, section 3).
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

from jobs.lake import Lake, schemas
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows, encode, pad
from jobs.ranker.rows.read_ahead import ahead
from jobs.ranker.rows.read_day import SEEN_ROWS, Chunk, read_day, require_day
from jobs.scenarios import ITEM, Fold, Scenario

BASELINE = "baseline"
KEYS = ("impression_id", "user_id", "item_id", "label", "fold")
_BATCH_ROWS = 8192


@dataclass(frozen=True)
class SlotTable:
    """Vectors of a slot to score with. ids: distinct, (ids,). vectors: float32, (ids, dim)."""

    ids: pa.Array
    vectors: NDArray[np.float32]

    @classmethod
    def from_arrow(cls, table: pa.Table, slot: str = ITEM) -> SlotTable:
        """From the slot's column and ``embedding`` of a features or snapshots table."""
        ids = table[slot].combine_chunks()
        vectors = table["embedding"].combine_chunks()
        flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        return cls(ids, flat.reshape(len(ids), vectors.type.list_size))


@dataclass(frozen=True)
class DayScores:
    """Scores of the rows of a day, all of the same length and order.

    rows: the columns ``KEYS`` of impressions, the scenario's context fields, and
    ``history_clicks``, how many clicks the row's history holds. item_updates: int64, how often
    M_T has trained the row's item. scores: variant -> float64 click probabilities. covered:
    variant -> bool, whether the variant's own table holds the row's item.
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

    A variant replaces the vectors of the slot's ids that it holds, those of items in histories
    too; for other ids M_T's own vector stays, or zero where M_T has none. Of the lineage fold about
    ``SEEN_ROWS`` are scored.

    Raises:
        InputError: M_T, or the day's impressions or history, are not published.
        ValueError: a variant is named ``baseline`` or has vectors of another length.
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
    """As ``score_day``, for a ranker and rows that are at hand."""
    if BASELINE in variants:
        raise ValueError(f"a variant cannot be named {BASELINE!r}")
    known = _SlotVectors(ranker, slot, variants)
    rows: list[pa.RecordBatch] = []
    updates = [np.empty(0, np.int64)]
    scores = {name: [np.empty(0)] for name in known.vectors}
    covered = {name: [np.empty(0, np.bool_)] for name in known.vectors}
    ranker.network.eval()
    with deterministic(), torch.inference_mode():
        for chunk in ahead(iter(chunks)):
            encoded = encode(ranker, chunk)
            position = known.rows(chunk.impressions[slot])
            rows.append(described(scenario, chunk))
            updates.append(ranker.table.updates[encoded.fields[:, ranker.item_field]])
            for name, logits in _logits(ranker, known, chunk, encoded, position).items():
                scores[name].append(1 / (1 + np.exp(-logits.astype(np.float64))))
                covered[name].append(known.held[name][position])
    return DayScores(
        rows=pa.Table.from_batches(rows) if rows else no_rows(scenario),
        item_updates=np.concatenate(updates),
        scores={name: np.concatenate(parts) for name, parts in scores.items()},
        covered={name: np.concatenate(parts) for name, parts in covered.items()},
    )


class _SlotVectors:
    """Vectors of a slot in all variants, over the ids of M_T and of the variants together.

    Row 0 stands for ids that none of them holds. vectors: variant -> (ids + 1, dim).
    """

    def __init__(self, ranker: Ranker, slot: str, variants: Mapping[str, SlotTable]) -> None:
        self.slot = slot
        own = ranker.vocabularies[slot]
        self.vocabulary = own
        for table in variants.values():
            self.vocabulary = self.vocabulary.extended(table.ids)
        block = ranker.table.block(slot).grown(len(self.vocabulary))
        base = np.pad(block.embedding, ((1, 0), (0, 0)))
        self.vectors = {BASELINE: torch.from_numpy(base).to(ranker.device)}
        self.held = {BASELINE: np.arange(len(base)) - 1 < len(own)}
        self.held[BASELINE][0] = False
        for name, table in variants.items():
            if table.vectors.shape != (len(table.ids), base.shape[1]):
                raise ValueError(f"variant {name!r} has vectors of shape {table.vectors.shape}")
            rows = self.rows(table.ids)
            vectors, held = base.copy(), np.zeros(len(base), np.bool_)
            vectors[rows], held[rows] = table.vectors, True
            self.vectors[name] = torch.from_numpy(vectors).to(ranker.device)
            self.held[name] = held

    def rows(self, ids: pa.Array) -> NDArray[np.int64]:
        return self.vocabulary.rows(ids) + 1


def _logits(
    ranker: Ranker,
    known: _SlotVectors,
    chunk: Chunk,
    encoded: EncodedRows,
    position: NDArray[np.int64],
) -> dict[str, NDArray[np.float32]]:
    field = ranker.fields.index(known.slot)
    history = encoded.history
    if known.slot == ITEM:
        # Items that only a variant knows are in histories too.
        items = known.rows(chunk.clicks.items)
        history = pad(chunk.clicks, items, len(chunk), ranker.options.history_length)
    logits: dict[str, list[Tensor]] = {name: [] for name in known.vectors}
    for start in range(0, len(chunk), _BATCH_ROWS):
        batch = slice(start, start + _BATCH_ROWS)
        fields = embedding(_index(encoded.fields[batch], ranker), ranker.table.embedding)
        own, clicks = _index(position[batch], ranker), _index(history[batch], ranker)
        is_click, clicks = clicks >= 0, clicks.clamp(min=0)
        for name, vectors in known.vectors.items():
            fields[:, field] = embedding(own, vectors)
            clicked_vectors = vectors if known.slot == ITEM else ranker.table.embedding
            clicked = embedding(clicks, clicked_vectors)
            logits[name].append(ranker.network(fields, clicked, is_click))
    return {
        name: torch.cat(parts).cpu().numpy() if parts else np.empty(0, np.float32)
        for name, parts in logits.items()
    }


def described(scenario: Scenario, chunk: Chunk) -> pa.RecordBatch:
    """What is kept of scored rows: keys, context fields and the length of the history."""
    clicks = np.bincount(chunk.clicks.row, minlength=len(chunk))
    kept = chunk.impressions.select([*KEYS, *scenario.context])
    return kept.append_column("history_clicks", pa.array(clicks, pa.int64()))


def no_rows(scenario: Scenario) -> pa.Table:
    """As many columns as ``described`` gives, and no row."""
    kept = schemas.impressions(scenario).empty_table().select([*KEYS, *scenario.context])
    return kept.append_column("history_clicks", pa.array([], pa.int64()))


def _index(rows: NDArray[np.int64], ranker: Ranker) -> Tensor:
    return torch.from_numpy(rows).to(ranker.device)
