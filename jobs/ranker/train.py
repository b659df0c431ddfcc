"""Training the ranker on one day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.lake import Lake
from jobs.ranker.day import TRAINS, read_day, read_impressions
from jobs.ranker.device import deterministic, training_precision
from jobs.ranker.encode import EncodedRows, encode, windows
from jobs.ranker.prefetch import ahead
from jobs.ranker.state import Ranker
from jobs.scenarios import Scenario

SHUFFLE_ROWS = 1 << 20
"""Rows that are held and shuffled together. A day with more is trained window after window."""


def train_day(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> int:
    """Turn M_D into M_{D+1}: train on the day's rows of the lineage fold. Returns their number.

    The same ranker and the same rows give the same bits, on the same hardware.
    """
    _learn_ids(ranker, lake, scenario, day)
    chunks = read_day(lake, scenario, day, {TRAINS})
    parts = ahead(encode(ranker, chunk) for chunk in chunks)
    return train_rows(ranker, parts, np.random.default_rng([ranker.options.seed, day.toordinal()]))


def train_rows(ranker: Ranker, parts: Iterable[EncodedRows], generator: np.random.Generator) -> int:
    """Train on encoded rows, in an order drawn from the generator. Returns their number."""
    trained = 0
    ranker.network.train()
    with deterministic():
        for rows in windows(parts, SHUFFLE_ROWS):
            for _ in range(ranker.options.epochs):
                for batch in _batches(len(rows), ranker.options.batch_size, generator):
                    _step(ranker, rows, batch)
            for field in range(len(ranker.fields)):
                ranker.table.count(rows.fields[:, field], rows.ts)
            trained += len(rows)
            del rows  # The next window is made before the loop would let go of this one.
    return trained


def _learn_ids(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> None:
    """Give new ids their rows before the first step, so that the table grows once a day."""
    seen: dict[str, list[pa.Array]] = {
        field: [vocabulary.ids[:0]] for field, vocabulary in ranker.vocabularies.items()
    }
    for batch in read_impressions(lake, scenario, day, [*ranker.fields, "fold"]):
        trains = batch.filter(pc.equal(batch["fold"], TRAINS))
        for field, found in seen.items():
            found.append(pc.unique(trains[field]))
    ranker.learn_ids({field: pa.concat_arrays(found) for field, found in seen.items()})


def _batches(
    rows: int, batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Shuffled row numbers in batches of nearly equal size: a tiny last one would be all noise."""
    yield from np.array_split(generator.permutation(rows), -(-rows // batch_size))


def _step(ranker: Ranker, rows: EncodedRows, batch: NDArray[np.int64]) -> None:
    fields = _tensor(rows.fields[batch], ranker.device)
    history = _tensor(rows.history[batch], ranker.device)
    labels = _tensor(rows.labels[batch], ranker.device)
    clicked = history >= 0
    touched = ranker.table.touch(torch.cat([fields, history.clamp(min=0)], dim=1))
    width = fields.shape[1]
    with training_precision(ranker.options.precision, ranker.device):
        logits = ranker.network(touched.vectors[:, :width], touched.vectors[:, width:], clicked)
    loss = binary_cross_entropy_with_logits(logits.float(), labels)
    ranker.optimizer.zero_grad()
    torch.autograd.backward(loss)
    ranker.optimizer.step()
    ranker.table.step(touched, ranker.options.embedding_rate, ranker.options.embedding_decay)


def _tensor(values: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device, non_blocking=True)
