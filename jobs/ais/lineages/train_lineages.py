"""The third way of AIS: two lineages over the last days, without and with vectors as an input.

Each starts from the same published ranker and trains on the same rows in the same order, as the
ranker of the feed itself does. So the one without vectors is the ranker of T, to the bit. Only the
table of vectors differs; see ``jobs.ranker.model.item_vectors`` for how the network reads it.

Lineages are trained one after the other: memory holds a single embedding table, however many tables
of vectors are compared. Nothing of them is published.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from jobs.common.errors import InputError
from jobs.evaluation.scored_day import BASELINE
from jobs.lake import Lake
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import read_day_rows
from jobs.ranker.rows.read_day import read_day, require_day
from jobs.ranker.scoring.frozen_forward import logits
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.ranker.training.train_day import train_day
from jobs.ranker.training.train_next import train_next
from jobs.scenarios import ITEM, Fold, Scenario

SCORED_FOLDS = (Fold.EVAL, Fold.LINEAGE)
"""Folds of the rows of T that are scored, as ``read_day_rows`` reads them."""

ADDED = "added"
"""Name of the vectors that lineages differ in, beside dense features that all of them read."""

_ONE_DAY = timedelta(days=1)

Scores = NDArray[np.float64]


def score_lineages(
    lake: Lake,
    scenario: Scenario,
    tables: Mapping[str, pa.Table],
    as_of: date,
    days: Sequence[date],
    seeds: int = 1,
) -> Mapping[str, Scores]:
    """Train a lineage without vectors and one with each table of vectors, and score day T.

    Args:
        lake: Where rows and rankers are stored.
        scenario: The scenario.
        tables: Name of each variant, and its vectors: ``item_id`` and ``embedding``. They must not
            know anything of the first of the days or later.
        as_of: Day T.
        days: The days to train on: all from the first one through the day before T.
        seeds: Trainings of each variant. The first has the seed of the ranker's own lineage, others
            differ in the order of rows and in initial values.

    Returns:
        For the baseline and each variant, click probabilities, (seeds, rows), of the rows that
        ``read_day_rows`` gives of ``SCORED_FOLDS``.

    Raises:
        InputError: If the ranker of the first day, or the rows of a day, are not published; if item
            vectors are imported, so that there is no lineage; or if a vector is not finite.
        ValueError: If a variant is named ``baseline``, or the days do not lead to T.
    """
    if BASELINE in tables:
        raise ValueError(f"a variant cannot be named {BASELINE!r}")
    if not days or [*days, as_of] != [days[0] + n * _ONE_DAY for n in range(len(days) + 1)]:
        raise ValueError(f"days to train on must be consecutive and end before {as_of}")
    require_lineage(scenario)
    for day in (*days, as_of):
        require_day(lake, scenario, day)
    restore_checkpoints(lake, scenario, days[:1])
    variants: dict[str, ItemVectors | None] = {BASELINE: None}
    for name, table in tables.items():
        variants[name] = ItemVectors.standardised(table, _candidates(lake, scenario, days[0]))
    scores: dict[str, list[Scores]] = {name: [] for name in variants}
    trainings = [(seed, name) for seed in range(seeds) for name in variants]
    # In a file, a line every ten seconds.
    interval = 0.1 if sys.stderr.isatty() else 10
    progress = tqdm(
        trainings,
        f"train lineages {scenario.name} {as_of}",
        unit="lineage",
        delay=3,
        mininterval=interval,
    )
    for seed, name in progress:
        ranker = starting_point(lake, scenario, days[0], variants[name], seed)
        for day in days:
            train_next(ranker, lake, scenario, day, train_day)
        scores[name].append(_scores(ranker, lake, scenario, as_of))
    return {name: np.stack(of_seeds) for name, of_seeds in scores.items()}


def require_lineage(scenario: Scenario) -> None:
    """Do nothing if the scenario trains a ranker of its own.

    Raises:
        InputError: If it imports item vectors.
    """
    if scenario.snapshots is not None:
        raise InputError(
            f"{scenario.name} imports its item vectors, so it has no lineage to train with others: "
            "compare aligned vectors in mode probe or retrain"
        )


def starting_point(
    lake: Lake, scenario: Scenario, day: date, vectors: ItemVectors | None, seed: int = 0
) -> Ranker:
    """Load the ranker that a lineage starts from.

    Args:
        lake: Where it is published.
        scenario: The scenario.
        day: First day to train on.
        vectors: Vectors that it reads from now on; it scores as before until it is trained.
        seed: Number of the training.
    """
    ranker = read_checkpoint(lake, scenario, day)
    ranker.options = ranker.options.model_copy(update={"seed": ranker.options.seed + seed})
    if vectors is not None:
        ranker.add_item_vectors(ADDED, vectors)
    return ranker


def _candidates(lake: Lake, scenario: Scenario, day: date) -> Iterator[pa.Array]:
    for chunk in read_day(lake, scenario, day, {Fold.LINEAGE}):
        yield chunk.impressions[ITEM]


def _scores(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> Scores:
    rows = read_day_rows(ranker, lake, scenario, day, SCORED_FOLDS)
    row_logits = torch.from_numpy(logits(ranker, rows)[:, 0])
    probabilities: Scores = row_logits.double().sigmoid().numpy()
    return probabilities
