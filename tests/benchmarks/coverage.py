"""How often the interval of an AUC difference holds the true one, on few and skewed data.

Run as ``python -m tests.benchmarks.coverage [--worlds N] [--write]``. With ``--write`` the table
goes into docs/intervals.md.

A world has two scores, y * (mean + slope of the user) + error of the user + error of the row, all
normal, so that the AUC of each is known exactly: pairs of rows of two users and of one user differ
in variance only. In a null world both have the same mean, and users with a high error also click
more. In a world with an effect, the treatment's mean is higher.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from jobs.stats.pooled_difference import PooledDifference
from tests.benchmarks.measure import PROJECT
from tests.oracles.obuchowski import standard_error

WORLDS, NOMINAL, ENOUGH = 2_000, 0.95, 0.93
FEWEST_USERS = 10
PAGE = PROJECT / "docs/intervals.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"

OF_USERS, SHARED_BY_SCORES, OF_SLOPES, OF_ROWS, OF_SEEDS = 0.7, 0.5, 0.5, 1.0, 0.1
"""Standard deviations, and the share of a user's error that both scores have."""
MEAN, MEAN_WITH_EFFECT = 0.9, 1.2
Counts, Floats = NDArray[np.int64], NDArray[np.float64]
Columns = tuple[NDArray[np.bool_], Floats, Floats, Counts]


@dataclass(frozen=True)
class Regime:
    """name: in the table. users: of each row. positives: rows over all dates."""

    name: str
    users: Counts
    positives: int
    dates: int = 1
    seeds: int = 1


def even(rows: int, users: int) -> Counts:
    """Users with equally many rows."""
    return np.arange(rows) % users


def one_large(rows: int, share: float) -> Counts:
    """A user with a share of the rows; the others have ten each."""
    own = round(rows * share)
    return np.maximum(np.arange(rows) - own + 10, 0) // 10


def zipf(rows: int, users: int) -> Counts:
    """Users whose rows fall with their rank."""
    weight = 1 / np.arange(1, users + 1)
    ends = np.cumsum(weight) / weight.sum() * rows
    return np.searchsorted(ends, np.arange(rows), side="right").astype(np.int64)


REGIMES = (
    *[Regime(f"{n} users, 1,000 rows", even(1_000, n), 100) for n in (30, 10, 8, 5, 3)],
    *[Regime(f"{n} positives, 100 users", even(1_000, 100), n) for n in (50, 20, 10, 5, 3, 2)],
    *[Regime(f"{n} positives, 500 users", even(5_000, 500), n) for n in (500, 50, 20, 10, 5)],
    *[
        Regime(f"one user with {share:.0%} of {rows:,} rows", one_large(rows, share), rows // 10)
        for share in (0.1, 0.2, 0.3, 0.5)
        for rows in (1_000, 10_000)
    ],
    Regime("Zipf, 200 users, 1,000 rows", zipf(1_000, 200), 100),
    Regime("Zipf, 2,000 users, 10,000 rows", zipf(10_000, 2_000), 1_000),
    Regime("30 users, 4 dates, 3 seeds", even(1_000, 30), 100, dates=4, seeds=3),
    Regime("100 users, 20 positives, 4 dates", even(2_000, 100), 20, dates=4),
    Regime("500 users, 7 dates, 3 seeds", even(5_000, 500), 250, dates=7, seeds=3),
    Regime("Zipf, 200 users, 4 dates, 2 seeds", zipf(2_000, 200), 200, dates=4, seeds=2),
)


def world(
    regime: Regime, random: np.random.Generator, *, effect: bool
) -> tuple[list[Columns], float]:
    """The dates of a world, and its true difference."""
    users, (rows, size) = regime.users, (regime.users.size, int(regime.users.max()) + 1)
    appetite = random.normal(size=size)
    # The largest of weights with Gumbel noise are a sample without replacement.
    drawn = appetite[users] + random.gumbel(size=rows)
    labels = np.zeros(rows, dtype=np.bool_)
    labels[np.argpartition(drawn, -regime.positives)[-regime.positives :]] = True
    date = random.integers(0, regime.dates, rows)

    shared = random.normal(size=size) if effect else appetite
    means = (MEAN, MEAN_WITH_EFFECT if effect else MEAN)

    def scores(mean: float) -> Floats:
        own = np.sqrt(SHARED_BY_SCORES) * shared
        own = own + np.sqrt(1 - SHARED_BY_SCORES) * random.normal(size=(regime.seeds, size))
        of_seed = OF_SEEDS * random.normal(size=(regime.seeds, 1)) * (regime.seeds > 1)
        slope = mean + of_seed + OF_SLOPES * random.normal(size=(regime.seeds, size))
        noise = OF_ROWS * random.normal(size=(regime.seeds, rows))
        return np.asarray(slope[:, users] * labels + OF_USERS * own[:, users] + noise)

    before, after = scores(means[0]), scores(means[1])
    columns = [
        (labels[of], before[:, of], after[:, of], users[of])
        for of in (date == number for number in range(regime.dates))
    ]
    return columns, true_difference(columns, means, regime.seeds) if effect else 0.0


def true_difference(dates: Sequence[Columns], means: tuple[float, float], seeds: int) -> float:
    """The expected difference of the AUCs, given labels and users."""
    pairs = within = 0
    for labels, _, _, users in dates:
        pairs += int(labels.sum()) * int((~labels).sum())
        of_user = [np.bincount(users[of], minlength=users.max() + 1) for of in (labels, ~labels)]
        within += int(np.dot(*of_user))
    share = within / pairs if pairs else 0.0
    of_pair = OF_SLOPES**2 + 2 * OF_ROWS**2 + (OF_SEEDS**2 if seeds > 1 else 0.0)

    def auc(mean: float) -> float:
        across = ndtr(mean / np.sqrt(of_pair + 2 * OF_USERS**2))
        return float(share * ndtr(mean / np.sqrt(of_pair)) + (1 - share) * across)

    return auc(means[1]) - auc(means[0])


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Of the worlds of one regime in which there is an interval, each of shape (worlds,).

    worlds: also those without an interval. covered: by the interval. covered_before: by
    Obuchowski's variance and a normal quantile. widening: ours to the former interval's width.
    """

    regime: str
    effect: bool
    worlds: int
    covered: Floats
    covered_before: Floats
    widening: Floats
    users_with_positive: Floats
    users_with_negative: Floats
    effective_users: Floats

    def given(self) -> NDArray[np.bool_]:
        """Where a verdict is given."""
        fewest = np.minimum(self.users_with_positive, self.users_with_negative)
        return np.asarray(np.minimum(fewest, self.effective_users) >= FEWEST_USERS)

    def covered_with_verdict(self) -> float:
        """NaN where no verdict is given."""
        given = self.given()
        return float(self.covered[given].mean()) if given.any() else float("nan")

    def line(self) -> str:
        given = self.given().sum() / self.worlds
        figures = [
            "effect" if self.effect else "null",
            _figure(np.nanmean(self.covered_before)),
            _figure(self.covered.mean()),
            f"{given:.0%}" if given in (0, 1) else f"{given:.1%}",
            _figure(self.covered_with_verdict()),
            f"{np.nanmedian(self.widening):.2f}",
        ]
        return f"| {self.regime} | {' | '.join(figures)} |"


HEAD = (
    "| regime | worlds | before | now | verdict given | covered there | width |\n"
    "|---|---|---|---|---|---|---|"
)


def _figure(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.3f}"


def outcomes(number: int, effect: bool, worlds: int) -> Outcomes:
    """Draw worlds of a regime and compare their scores."""
    regime = REGIMES[number]
    random = np.random.default_rng([number, effect])
    normal = float(ndtri((1 + NOMINAL) / 2))
    found: list[tuple[float, ...]] = []
    for _ in range(worlds):
        dates, truth = world(regime, random, effect=effect)
        pool = PooledDifference()
        for date in dates:
            pool.add(*date)
        ours = pool.result(NOMINAL)
        if np.isnan(ours.se):
            continue
        margin = normal * float(np.hypot(standard_error(dates), ours.se_seeds))
        found.append(
            (
                ours.ci_low <= truth <= ours.ci_high,
                np.nan if np.isnan(margin) else abs(ours.difference - truth) <= margin,
                (ours.ci_high - ours.ci_low) / (2 * margin) if margin else np.nan,
                ours.users_with_positive,
                ours.users_with_negative,
                ours.effective_users,
            )
        )
    return Outcomes(regime.name, effect, worlds, *np.array(found, dtype=np.float64).T)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--write", action="store_true", help=f"the table into {PAGE.name}")
    options = parser.parse_args()
    jobs = [(number, effect) for number in range(len(REGIMES)) for effect in (False, True)]
    sys.stdout.write(f"{HEAD}\n")
    lines, missed = [HEAD], []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for found in pool.map(outcomes, *zip(*jobs, strict=True), repeat(options.worlds)):
            lines.append(found.line())
            sys.stdout.write(f"{lines[-1]}\n")
            sys.stdout.flush()
            if found.covered_with_verdict() < ENOUGH:
                missed.append(found.regime)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        made = f"`python -m tests.benchmarks.coverage --write`, {options.worlds:,} worlds a line."
        table = "\n".join(lines)
        PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    if missed:
        sys.exit(f"coverage below {ENOUGH} where a verdict is given: {', '.join(missed)}")


if __name__ == "__main__":
    main()
