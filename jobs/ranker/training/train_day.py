"""Train the ranker on one day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.lake import Lake
from jobs.ranker.model.device import SMALL_STEP, deterministic, single_thread
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows
from jobs.ranker.rows.read_ahead import read_ahead
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.rows.spooled_day import spooled_day
from jobs.ranker.training.begin_features import begin_dense_features
from jobs.ranker.training.train_step import TrainStep, train_batch
from jobs.ranker.training.vector_step import vector_step
from jobs.scenarios import Fold, Scenario

SHUFFLE_ROWS = 1 << 20
"""Rows held in memory and shuffled together; a longer day is trained window by window."""

TrainDay = Callable[[Ranker, Lake, Scenario, date], int]
"""Trains a ranker on a day and returns the number of training rows."""
StepFactory = Callable[[Ranker], AbstractContextManager[TrainStep]]
"""Gives the training step for a day, on rows that have their item vectors.

It is entered once the day's new ids have embedding rows.
"""


def single_process_step(ranker: Ranker) -> AbstractContextManager[TrainStep]:
    return nullcontext(train_batch)


def train_day(
    ranker: Ranker,
    lake: Lake,
    scenario: Scenario,
    day: date,
    step_factory: StepFactory = single_process_step,
) -> int:
    """Turn M_D into M_{D+1}: train on the day's rows of the lineage fold.

    The same ranker and the same rows give the same bits, on the same hardware.

    Args:
        ranker: M_D; it is changed in place.
        lake: Where the day's rows are stored.
        scenario: The ranker's scenario.
        day: Day D.
        step_factory: Gives the training step, of one process or of several.

    Returns:
        Number of training rows.
    """
    begin_dense_features(ranker, lake, scenario, day)
    generator = np.random.default_rng([ranker.options.seed, day.toordinal()])
    chunks = read_ahead(read_day(lake, scenario, day, {Fold.LINEAGE}))
    with spooled_day(ranker, chunks) as rows:
        ranker.prepare_training(len(rows))
        with step_factory(ranker) as train_step:
            windows = read_ahead(rows.windows(SHUFFLE_ROWS), depth=1)
            return train_rows(ranker, windows, generator, vector_step(ranker, train_step))


def train_rows(
    ranker: Ranker,
    windows: Iterable[EncodedRows],
    generator: np.random.Generator,
    train_step: TrainStep = train_batch,
) -> int:
    """Train on windows of rows.

    Args:
        ranker: Ranker to update.
        windows: Rows, one window after the other.
        generator: Draws the order of the rows of each window and epoch.
        train_step: Trains on one batch.

    Returns:
        Number of training rows.
    """
    trained = 0
    ranker.network.train()
    with deterministic(), single_thread(_has_small_steps(ranker)):
        for rows in windows:
            for _ in range(ranker.settings.epochs):
                for batch in _batches(len(rows), ranker.settings.batch_size, generator):
                    train_step(ranker, rows, batch)
            for field in range(len(ranker.fields)):
                ranker.table.count_updates(rows.fields[:, field], rows.ts)
            trained += len(rows)
            del rows  # Otherwise two windows are in memory while the next one is prepared.
    return trained


def _has_small_steps(ranker: Ranker) -> bool:
    weights = sum(parameter.numel() for parameter in ranker.network.parameters())
    return weights * ranker.settings.batch_size < SMALL_STEP


def _batches(
    rows: int, batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield shuffled row numbers in batches of nearly equal size.

    A last batch of a few rows would be mostly noise.
    """
    yield from np.array_split(generator.permutation(rows), -(-rows // batch_size))
