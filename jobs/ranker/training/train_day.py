"""Training the ranker on one day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.lake import Lake
from jobs.ranker.model.device import deterministic
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows
from jobs.ranker.rows.read_ahead import ahead
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.rows.spooled_day import learnt_day
from jobs.ranker.training.train_step import Step, train_batch
from jobs.scenarios import Fold, Scenario

SHUFFLE_ROWS = 1 << 20
"""Rows that are held and shuffled together. A day with more is trained window after window."""

TrainDay = Callable[[Ranker, Lake, Scenario, date], int]
"""Trains a ranker on a day and returns the number of rows."""
Stepping = Callable[[Ranker], AbstractContextManager[Step]]
"""Entered once the ids of a day have their rows: gives the step of that day."""


def in_one_process(_ranker: Ranker) -> AbstractContextManager[Step]:
    return nullcontext(train_batch)


def train_day(
    ranker: Ranker,
    lake: Lake,
    scenario: Scenario,
    day: date,
    stepping: Stepping = in_one_process,
) -> int:
    """Turn M_D into M_{D+1}: train on the day's rows of the lineage fold. Returns their number.

    The same ranker and the same rows give the same bits, on the same hardware.
    """
    generator = np.random.default_rng([ranker.options.seed, day.toordinal()])
    chunks = ahead(read_day(lake, scenario, day, {Fold.LINEAGE}))
    with learnt_day(ranker, chunks) as rows, stepping(ranker) as step:
        return train_rows(ranker, ahead(rows.windows(SHUFFLE_ROWS), depth=1), generator, step)


def train_rows(
    ranker: Ranker,
    windows: Iterable[EncodedRows],
    generator: np.random.Generator,
    step: Step = train_batch,
) -> int:
    """Train on windows of rows, each in an order drawn from the generator. Returns the number."""
    trained = 0
    ranker.network.train()
    with deterministic():
        for rows in windows:
            for _ in range(ranker.options.epochs):
                for batch in _batches(len(rows), ranker.options.batch_size, generator):
                    step(ranker, rows, batch)
            for field in range(len(ranker.fields)):
                ranker.table.count(rows.fields[:, field], rows.ts)
            trained += len(rows)
            del rows  # The next window is made before the loop would let go of this one.
    return trained


def _batches(
    rows: int, batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Shuffled row numbers in batches of nearly equal size: a tiny last one would be all noise."""
    yield from np.array_split(generator.permutation(rows), -(-rows // batch_size))
