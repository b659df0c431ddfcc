"""Our paired, clustered comparison of two AUCs beside scikit-learn's AUC of one score.

Run as ``python -m tests.benchmarks.statistics [--rows N]``. Both take the same rows in turns.
"""

from __future__ import annotations

import argparse
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.stats.auc_difference import compare
from tests.benchmarks.page import Page

ROWS, USERS, REPEATS = 10_000_000, 1_000_000, 3
Columns = tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True)
class Time:
    """Medians over the repeats: wall seconds, and CPU seconds of all threads."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Figures:
    """What the comparison of two scores took, and scikit-learn's AUC of one of them.

    peak_mib: most memory that the comparison held at once, its input columns aside.
    """

    rows: int
    users: int
    ours: Time
    sklearn: Time
    peak_mib: float

    @property
    def ratio(self) -> float:
        return self.ours.seconds / self.sklearn.seconds

    @property
    def cpu_ratio(self) -> float:
        return self.ours.cpu_seconds / self.sklearn.cpu_seconds


def columns(rows: int, users: int, seed: int = 0) -> Columns:
    """Labels, a tenth of them 1, two scores with some ties, and ids as hashes give them."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, 2**62, users)
    labels = (random.random(rows) < 0.1).astype(np.int8)

    def score(signal: float) -> NDArray[np.float64]:
        chance: NDArray[np.float64] = 1 / (1 + np.exp(-random.normal(size=rows) - signal * labels))
        return np.round(chance, 7)

    return labels, score(1.0), score(1.1), ids[random.integers(0, users, rows)]


def measured(rows: int = ROWS, users: int = USERS, repeats: int = REPEATS) -> Figures:
    """Compare and time. Raises ArithmeticError where the two disagree on the AUC."""
    labels, baseline, leaked, user_ids = columns(rows, users)
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(_timed(lambda: compare(labels, baseline, leaked, user_ids).auc_baseline))
        theirs.append(_timed(lambda: float(roc_auc_score(labels, baseline))))
        if abs(ours[-1][0] - theirs[-1][0]) > 1e-9:
            raise ArithmeticError(f"AUC {ours[-1][0]}, scikit-learn's {theirs[-1][0]}")
    tracemalloc.start()
    compare(labels, baseline, leaked, user_ids)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return Figures(rows, users, _medians(ours), _medians(theirs), peak)


def _timed(auc: Callable[[], float]) -> tuple[float, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = auc()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def _medians(runs: list[tuple[float, float, float]]) -> Time:
    _, seconds, cpu_seconds = np.median(runs, axis=0)
    return Time(float(seconds), float(cpu_seconds))


def table(figures: Figures) -> str:
    """The figures as a table in Markdown."""
    heads = ("rows", "users", "time", "ours, s", "scikit-learn, s", "ratio", "peak, MiB")
    size = f"{figures.rows:,} | {figures.users:,}"
    times = (
        ("wall", figures.ours.seconds, figures.sklearn.seconds, figures.ratio),
        ("CPU", figures.ours.cpu_seconds, figures.sklearn.cpu_seconds, figures.cpu_ratio),
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, ours, theirs, ratio in times:
        figure = f"{ours:.2f} | {theirs:.2f} | {ratio:.2f} | {figures.peak_mib:,.0f}"
        lines.append(f"| {size} | {name} | {figure} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--users", type=int, help="a tenth of the rows unless given")
    options = parser.parse_args()
    users, load = options.users or max(options.rows // 10, 1), os.getloadavg()[0]
    figures = measured(options.rows, users)
    page = Page(
        "statistics",
        "Paired, clustered AUC beside one AUC of scikit-learn",
        f"Medians of {REPEATS} rounds in turns.",
        table(figures),
        "Ours gives two AUCs, their difference and its user-clustered interval; scikit-learn one "
        "AUC. At most 2 is aimed at. Peak: what ours held at once beside its input.",
        asdict(figures),
        load,
    )
    page.publish(kept=(options.rows, users) == (ROWS, USERS))


if __name__ == "__main__":
    main()
