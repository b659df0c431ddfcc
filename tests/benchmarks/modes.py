"""Twelve rankers in one pass beside one alone: retrain mode, and the towers of probe mode.

Run as ``python -m tests.benchmarks.modes [--rows N …]``. All take the same rows in turns. Twelve
are four features by three seeds, or twelve towers. The AUC of rows that trained nothing stands
beside.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from jobs.ranker.model.custom_network import new_network
from jobs.ranker.model.wide_and_deep import WideAndDeep
from jobs.ranker.rows.day_rows import DenseRows
from jobs.ranker.scoring.frozen_forward import FrozenRows
from jobs.ranker.towers.fit_parts import UserGroups, day_blocks, user_groups
from jobs.ranker.towers.probe_towers import Towers
from jobs.ranker.towers.regression import BLOCKS
from jobs.ranker.towers.retrain_towers import ParallelRankers
from jobs.scenarios import RankerOptions, RetrainOptions
from tests.benchmarks.page import Page

FIELDS, ITEM, WIDTH = 5, 1, 10
RANKER = RankerOptions()
ONE = RetrainOptions(seeds=1)
TWELVE = RetrainOptions(seeds=3)
DENSE_RATE = 0.001
GROUPS, DAYS, ROWS_PER_USER = 10, 28, 20
ROUNDS, ROWS = 3, (20_000, 40_000)


@dataclass(frozen=True)
class World:
    """Rows, what four features say of them, and their frozen ranker."""

    rows: DenseRows
    features: Tensor
    network: WideAndDeep
    frozen: FrozenRows

    @property
    def cut(self) -> int:
        """Rows before it are trained on, the others are scored."""
        return len(self.rows) * 4 // 5


@dataclass(frozen=True)
class Run:
    """seconds, cpu_seconds: of training and scoring. auc: of the ranker with the first feature."""

    seconds: float
    cpu_seconds: float
    auc: float


def make_world(rows: int, seed: int = 0) -> World:
    """Rows whose label follows from a hidden vector of the item and from the first feature."""
    generator = np.random.default_rng(seed)
    dim, clicks = RANKER.embedding_dim, RANKER.history_length
    vectors = generator.normal(0, 0.3, (rows // 4, dim)).astype(np.float32)
    vectors[-1] = 0
    fields = generator.integers(0, len(vectors) - 1, (rows, FIELDS))
    history = generator.integers(0, len(vectors), (rows, clicks))
    features = generator.normal(size=(4, rows, WIDTH)).astype(np.float32)
    truth = 3 * vectors[fields[:, ITEM], 0] + features[0, :, 0]
    labels = generator.random(rows) < 1 / (1 + np.exp(-truth))
    dense = DenseRows(
        torch.from_numpy(vectors),
        torch.from_numpy(fields),
        torch.from_numpy(history),
        torch.empty((rows, 0)),
        torch.from_numpy(labels.astype(np.float32)),
    )
    network = new_network(FIELDS, ITEM, RANKER)
    assert network.head is not None
    hidden = torch.from_numpy(generator.normal(size=(rows, network.head.in_features)))
    frozen = FrozenRows(hidden.float(), torch.from_numpy(truth).float() * 0.7, dense.labels)
    return World(dense, torch.from_numpy(features), network, frozen)


def retrained(world: World, options: RetrainOptions, features: int) -> NDArray[np.float64]:
    """Scores of the rows behind the cut by rankers of some features, the first of all."""
    inputs = world.features[:features]
    rankers = ParallelRankers(world.network, WIDTH, features, DENSE_RATE, options)
    rows, groups = _part(world.rows, slice(None, world.cut)), _groups(world.cut, 0)
    rankers.train(rows, inputs[:, : world.cut], seed=0, groups=groups)
    scores = rankers.score(_part(world.rows, slice(world.cut, None)), inputs[:, world.cut :])
    return scores[0, 0]


def probed(world: World) -> NDArray[np.float64]:
    """The same by twelve towers, each of another feature or of other columns of one."""
    inputs = torch.cat([world.features, world.features.flip(2), world.features.roll(3, 2)])
    before = FrozenRows(*(part[: world.cut] for part in vars(world.frozen).values()))
    after = FrozenRows(*(part[world.cut :] for part in vars(world.frozen).values()))
    days = day_blocks([len(part) for part in np.array_split(np.arange(world.cut), DAYS)], BLOCKS)
    towers = Towers(before, _groups(world.cut, GROUPS), days)
    return towers.score(towers.fit(inputs[:, : world.cut]), after, inputs[:, world.cut :])[0, 0]


def _groups(rows: int, groups: int) -> UserGroups:
    return user_groups(pa.array(np.arange(rows) // ROWS_PER_USER), groups)


def measured(rows: int) -> dict[str, Run]:
    """Medians of each, in turns."""
    world = make_world(rows)
    ways: dict[str, Callable[[], NDArray[np.float64]]] = {
        "one ranker, retrain": lambda: retrained(world, ONE, 1),
        "12 rankers, retrain": lambda: retrained(world, TWELVE, 4),
        "12 towers, probe": lambda: probed(world),
    }
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            runs[name].append(_timed(world, way))
    return {
        name: Run(
            median(run.seconds for run in of_way),
            median(run.cpu_seconds for run in of_way),
            of_way[0].auc,
        )
        for name, of_way in runs.items()
    }


def _timed(world: World, way: Callable[[], NDArray[np.float64]]) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    scores = way()
    taken = time.perf_counter() - wall, time.process_time() - cpu
    labels = world.rows.labels[world.cut :].numpy()
    return Run(*taken, float(roc_auc_score(labels, scores)))


def _part(rows: DenseRows, part: slice) -> DenseRows:
    return DenseRows(
        rows.vectors,
        rows.fields[part],
        rows.history[part],
        rows.statistics[part],
        rows.labels[part],
    )


def table(runs: dict[str, Run]) -> str:
    """The runs as a table in Markdown, with ratios to the first."""
    heads = ("what", "wall, s", "CPU, s", "wall to one", "CPU to one", "AUC")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    one = next(iter(runs.values()))
    for name, run in runs.items():
        ratios = f"{run.seconds / one.seconds:.2f} | {run.cpu_seconds / one.cpu_seconds:.2f}"
        lines.append(
            f"| {name} | {run.seconds:.2f} | {run.cpu_seconds:.2f} | {ratios} | {run.auc:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    sizes, load = tuple(parser.parse_args().rows), os.getloadavg()[0]
    found = {rows: measured(rows) for rows in sizes}
    page = Page(
        "modes",
        "Twelve rankers in one pass",
        f"Medians of {ROUNDS} rounds in turns; four fifths of the rows are trained on, in "
        f"{ONE.epochs} epochs.",
        "\n\n".join(f"{rows:,} rows:\n\n{table(runs)}" for rows, runs in found.items()),
        "At most 7 is aimed at for the rankers of retrain mode, 1.5 for the towers of probe mode. "
        "One ranker alone uses a single thread where it is too small to gain from a second; the "
        "twelve use all. The AUC of the towers is of another, better frozen ranker: compare it "
        "with no other.",
        {
            f"{rows}": {way: asdict(run) for way, run in runs.items()}
            for rows, runs in found.items()
        },
        load,
    )
    page.publish(kept=sizes == ROWS)


if __name__ == "__main__":
    main()
