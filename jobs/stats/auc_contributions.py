"""What each user contributes to the AUC difference of two scores, summable over dates.

The structural components of the difference (DeLong et al., 1988) are centred, multiplied by the
number of (positive, negative) pairs, and summed for each user, separately over the user's positive
and negative rows. In this unit the pair-weighted mean over dates needs no weights: its
contributions are the sums of the contributions of each date. Components are linear in the
difference, so those of a mean over seeds are the means of those of each seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import Users, ascending_order, checked_labels, checked_scores, user_codes

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Contributions:
    """Sums over one or more dates; arrays have shape (users,) in the order of ``users``.

    Sums and squares describe the mean over seeds. Rows of a date with a single class form no
    pairs: they count in ``rows``, ``positives`` and ``users``, and in no other field.

    Attributes:
        doubled_wins_baseline: Twice the pairs that the baseline orders correctly, for each seed.
        doubled_wins_treatment: The same for the treatment.
        seed_sums: Contributions to the difference of each seed, of positive and negative rows
            together, shape (seeds, users).
        has_positive: Whether the user has a positive row on a date with both classes.
        has_negative: The same for negative rows.
    """

    rows: int
    positives: int
    users: NDArray[Any]
    pairs: int
    doubled_wins_baseline: tuple[int, ...]
    doubled_wins_treatment: tuple[int, ...]
    paired_positives: int
    paired_negatives: int
    positive_squares: float
    negative_squares: float
    positive_sums: Floats
    negative_sums: Floats
    seed_sums: Floats
    has_positive: Flags
    has_negative: Flags

    @property
    def seeds(self) -> int:
        return len(self.seed_sums)

    @property
    def differences(self) -> Floats:
        """The AUC difference of each seed, shape (seeds,); defined only with pairs."""
        baseline, treatment = self.doubled_wins_baseline, self.doubled_wins_treatment
        gained = np.subtract(treatment, baseline, dtype=np.float64)
        return np.asarray(gained / (2 * self.pairs))

    @property
    def influence(self) -> Floats:
        """Each user's share of each seed's difference, (seeds, users); defined only with pairs."""
        return self.seed_sums / self.pairs


def contributions(
    labels: ArrayLike, baseline: ArrayLike, treatment: ArrayLike, users: ArrayLike | Users
) -> Contributions:
    """Return the contributions of one date.

    Args:
        labels: 0 or 1, shape (rows,).
        baseline: Scores, shape (rows,), or (seeds, rows) with several seeds.
        treatment: Scores of the same rows and seeds; each seed is compared with the same seed of
            the baseline.
        users: Integer or string ids, or numbered users, shape (rows,).

    Raises:
        ValueError: If a column is malformed, or the numbers of seeds differ.
    """
    before, after = np.atleast_2d(np.asarray(baseline)), np.atleast_2d(np.asarray(treatment))
    if len(before) != len(after):
        raise ValueError(f"baseline has {len(before)} seeds, treatment has {len(after)}")
    (only,) = contributions_of_pairs(labels, {"0": before, "1": after}, [("0", "1")], users)
    return only


def contributions_of_pairs(
    labels: ArrayLike,
    scores: Mapping[str, NDArray[Any]],
    pairs: Sequence[tuple[str, str]],
    users: ArrayLike | Users,
) -> list[Contributions]:
    """Return the contributions of one date for several pairs of scores, sorting each score once.

    Args:
        labels: 0 or 1, shape (rows,).
        scores: Scores by name, all of shape (seeds, rows).
        pairs: Names of a baseline and of the treatment compared with it.
        users: Integer or string ids, or numbered users, shape (rows,).

    Returns:
        The contributions of each pair, in the order of ``pairs``.

    Raises:
        ValueError: If a column is malformed.
    """
    rows = _Rows(labels, users)
    seeds = len(next(iter(scores.values())))
    totals = [_PairTotals(rows, seeds) for _ in pairs]
    for seed in range(seeds):
        wins = {name: rows.doubled_wins(of_name[seed]) for name, of_name in scores.items()}
        for total, (first, second) in zip(totals, pairs, strict=True):
            total.add(seed, wins[first], wins[second])
    return [total.contributions() for total in totals]


class _Rows:
    """The labels and users that all scores of a date share."""

    def __init__(self, labels: ArrayLike, users: ArrayLike | Users) -> None:
        self.positive = checked_labels(labels)
        self.codes, self.ids = user_codes(users, self.positive.size)
        self.positives = int(self.positive.sum())
        self.negatives = self.positive.size - self.positives
        self.pairs = self.positives * self.negatives
        # Cell 2u holds user u's negatives and cell 2u + 1 its positives.
        self.cells = 2 * self.codes + self.positive

    def by_cell(self, weights: Floats | None = None) -> NDArray[Any]:
        """Sum weights, or count rows, by user and class; shape (users, 2), negatives first."""
        sums = np.bincount(self.cells, weights=weights, minlength=2 * self.ids.size)
        return sums.reshape(-1, 2)

    def doubled_wins(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Count, for each row, twice the rows of the other class ordered correctly against it.

        A tie counts as half a win.
        """
        rows = self.positive.size
        checked = checked_scores(scores, rows)
        order = ascending_order(checked)
        ordered = checked[order]
        edges = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [rows]))
        del ordered
        is_positive = self.positive[order]
        positives_below = np.concatenate(([0], np.cumsum(is_positive)))[edges]
        # Rows of a tie lie below its upper edge and not below its lower one, so they count once.
        positives_at_edges = positives_below[1:] + positives_below[:-1]
        size = np.diff(edges)
        wins: NDArray[np.int64] = np.repeat(2 * self.positives - positives_at_edges, size)
        of_positives = np.repeat(edges[1:] + edges[:-1] - positives_at_edges, size)
        np.copyto(wins, of_positives, where=is_positive)
        of_row = np.empty_like(wins)
        of_row[order] = wins
        return of_row


class _PairTotals:
    """Adds up the differences of one pair of scores, seed by seed."""

    def __init__(self, rows: _Rows, seeds: int) -> None:
        self._rows = rows
        self._mean = np.zeros(rows.positive.size)
        self._seed_sums = np.zeros((seeds, rows.ids.size))
        self._totals_baseline: list[int] = []
        self._totals_treatment: list[int] = []

    def add(
        self, seed: int, wins_baseline: NDArray[np.int64], wins_treatment: NDArray[np.int64]
    ) -> None:
        rows = self._rows
        total_baseline = int(wins_baseline[rows.positive].sum())
        total_treatment = int(wins_treatment[rows.positive].sum())
        self._totals_baseline.append(total_baseline)
        self._totals_treatment.append(total_treatment)
        gain = (wins_treatment - wins_baseline) / 2
        if rows.pairs:
            pairs_gained = (total_treatment - total_baseline) / 2
            of_class = np.array([pairs_gained / rows.negatives, pairs_gained / rows.positives])
            gain -= of_class[rows.positive.view(np.int8)]
        self._seed_sums[seed] = np.bincount(rows.codes, weights=gain, minlength=rows.ids.size)
        self._mean += gain

    def contributions(self) -> Contributions:
        rows, gain = self._rows, self._mean / len(self._seed_sums)
        sums = rows.by_cell(gain).astype(np.float64, copy=False)
        present = rows.by_cell() > 0
        squares = np.bincount(rows.positive, weights=gain * gain, minlength=2)
        return Contributions(
            rows=rows.positive.size,
            positives=rows.positives,
            users=rows.ids,
            pairs=rows.pairs,
            doubled_wins_baseline=tuple(self._totals_baseline),
            doubled_wins_treatment=tuple(self._totals_treatment),
            paired_positives=rows.positives if rows.pairs else 0,
            paired_negatives=rows.negatives if rows.pairs else 0,
            positive_squares=float(squares[1]),
            negative_squares=float(squares[0]),
            positive_sums=sums[:, 1],
            negative_sums=sums[:, 0],
            seed_sums=self._seed_sums,
            has_positive=present[:, 1] & (rows.pairs > 0),
            has_negative=present[:, 0] & (rows.pairs > 0),
        )


def combine(first: Contributions, second: Contributions) -> Contributions:
    """Return the contributions of both together; a user of both appears once.

    Memory and time grow with the users, not with the rows.

    Raises:
        ValueError: If the numbers of seeds differ.
    """
    if first.seeds != second.seeds:
        raise ValueError(f"dates with {first.seeds} and {second.seeds} seeds cannot be pooled")
    # An Index keeps the integer 1 and the string "1" apart, where a NumPy array would not.
    codes, users = pd.factorize(pd.Index(first.users).append(pd.Index(second.users)))
    in_first, in_second = codes[: first.users.size], codes[first.users.size :]

    def summed(of_first: Floats, of_second: Floats) -> Floats:
        total = np.zeros((*of_first.shape[:-1], len(users)))
        total[..., in_first] = of_first
        total[..., in_second] += of_second
        return total

    def either(of_first: Flags, of_second: Flags) -> Flags:
        flags = np.zeros(len(users), dtype=np.bool_)
        flags[in_first] = of_first
        flags[in_second] |= of_second
        return flags

    return Contributions(
        rows=first.rows + second.rows,
        positives=first.positives + second.positives,
        users=users.to_numpy(),
        pairs=first.pairs + second.pairs,
        doubled_wins_baseline=_sum_by_seed(
            first.doubled_wins_baseline, second.doubled_wins_baseline
        ),
        doubled_wins_treatment=_sum_by_seed(
            first.doubled_wins_treatment, second.doubled_wins_treatment
        ),
        paired_positives=first.paired_positives + second.paired_positives,
        paired_negatives=first.paired_negatives + second.paired_negatives,
        positive_squares=first.positive_squares + second.positive_squares,
        negative_squares=first.negative_squares + second.negative_squares,
        positive_sums=summed(first.positive_sums, second.positive_sums),
        negative_sums=summed(first.negative_sums, second.negative_sums),
        seed_sums=summed(first.seed_sums, second.seed_sums),
        has_positive=either(first.has_positive, second.has_positive),
        has_negative=either(first.has_negative, second.has_negative),
    )


def _sum_by_seed(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(first, second, strict=True))
