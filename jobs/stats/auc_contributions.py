"""What each user contributes to the AUC difference of two scores, summable over dates.

Pairs are formed within a date, so pairs and wins of several dates add up, in all and for each user.
From these sums follows the difference that would be found without a user, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import Users
from jobs.stats.wins import Counts, LabelledRows

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contributions:
    """Sums over one or more dates; arrays have shape (users,) in the order of ``users``.

    Wins are pairs in the right order, a tie counts as half. They are doubled, and so are integers.
    Rows of a date with a single class form no pairs: they count in ``rows``, ``positives`` and
    ``users``, and in no other field.

    Attributes:
        pairs: Number of (positive, negative) pairs.
        doubled_wins_baseline: Twice the wins of the baseline, for each seed.
        doubled_wins_treatment: The same for the treatment.
        lost_wins: Twice the wins of the treatment less those of the baseline, of all pairs in
            which a row of the user takes part, shape (seeds, users).
        lost_pairs: The number of these pairs.
        paired_positives: The user's positive rows on dates with both classes.
        paired_negatives: The same for negative rows.
        fits: The number of groups of a delete-a-group jackknife whose group s mod ``fits`` seed s
            was fitted without; 0 where seeds are plain repetitions.
    """

    rows: int
    positives: int
    users: NDArray[Any]
    pairs: int
    doubled_wins_baseline: tuple[int, ...]
    doubled_wins_treatment: tuple[int, ...]
    lost_wins: Counts
    lost_pairs: Counts
    paired_positives: Counts
    paired_negatives: Counts
    fits: int = 0

    @property
    def seeds(self) -> int:
        return len(self.lost_wins)

    @property
    def gained(self) -> Counts:
        """Twice the wins of the treatment less those of the baseline, shape (seeds,)."""
        return np.subtract(self.doubled_wins_treatment, self.doubled_wins_baseline, dtype=np.int64)

    @property
    def differences(self) -> Floats:
        """The AUC difference of each seed, shape (seeds,); defined only with pairs."""
        return np.asarray(self.gained / (2 * self.pairs))


def contributions(
    labels: ArrayLike,
    baseline: ArrayLike,
    treatment: ArrayLike,
    users: ArrayLike | Users,
    *,
    fits: int = 0,
) -> Contributions:
    """Return the contributions of one date.

    Args:
        labels: 0 or 1, shape (rows,).
        baseline: Scores, shape (rows,), or (seeds, rows) with several seeds.
        treatment: Scores of the same rows and seeds; each seed is compared with the same seed of
            the baseline.
        users: Integer or string ids, or numbered users, shape (rows,).
        fits: Number of groups, of which seed s was fitted without group s mod ``fits``; 0 for
            plain repetitions.

    Raises:
        ValueError: If a column is malformed, the numbers of seeds differ, or seeds leave out some
            groups more often than others.
    """
    before, after = np.atleast_2d(np.asarray(baseline)), np.atleast_2d(np.asarray(treatment))
    if len(before) != len(after):
        raise ValueError(f"baseline has {len(before)} seeds, treatment has {len(after)}")
    scores = {"0": before, "1": after}
    (only,) = contributions_of_pairs(labels, scores, [("0", "1")], users, fits=fits)
    return only


def contributions_of_pairs(
    labels: ArrayLike,
    scores: Mapping[str, NDArray[Any]],
    pairs: Sequence[tuple[str, str]],
    users: ArrayLike | Users,
    *,
    fits: int = 0,
) -> list[Contributions]:
    """Return the contributions of one date for several pairs of scores, sorting each score once.

    Args:
        labels: 0 or 1, shape (rows,).
        scores: Scores by name, all of shape (seeds, rows).
        pairs: Names of a baseline and of the treatment compared with it.
        users: Integer or string ids, or numbered users, shape (rows,).
        fits: As of ``contributions``.

    Returns:
        The contributions of each pair, in the order of ``pairs``.

    Raises:
        ValueError: If a column is malformed, or seeds leave out some groups more often than
            others.
    """
    rows = LabelledRows(labels, users)
    seeds = len(next(iter(scores.values())))
    if fits == 1 or fits < 0 or (fits and seeds % fits):
        raise ValueError(
            f"{seeds} seeds do not leave out each of {fits} groups equally often; seeds must be a "
            "multiple of the groups, and groups two or more"
        )
    wins = {
        name: [rows.ranked(of_seed).wins() for of_seed in of_name]
        for name, of_name in scores.items()
    }
    of_positives, of_negatives = rows.positives_by_user, rows.negatives_by_user
    paired = int(rows.pairs > 0)
    return [
        Contributions(
            rows=rows.rows,
            positives=rows.positives,
            users=rows.ids,
            pairs=rows.pairs,
            doubled_wins_baseline=tuple(total for total, _ in wins[first]),
            doubled_wins_treatment=tuple(total for total, _ in wins[second]),
            lost_wins=np.array(
                [
                    after - before
                    for (_, before), (_, after) in zip(wins[first], wins[second], strict=True)
                ]
            ),
            lost_pairs=of_positives * (rows.rows - rows.positives)
            + of_negatives * rows.positives
            - of_positives * of_negatives,
            paired_positives=of_positives * paired,
            paired_negatives=of_negatives * paired,
            fits=fits,
        )
        for first, second in pairs
    ]


def combine(first: Contributions, second: Contributions) -> Contributions:
    """Return the contributions of both together; a user of both appears once.

    Memory and time grow with the users, not with the rows.

    Raises:
        ValueError: If the numbers of seeds or of groups that they were fitted without differ.
    """
    if first.seeds != second.seeds:
        raise ValueError(f"dates with {first.seeds} and {second.seeds} seeds cannot be pooled")
    if first.fits != second.fits:
        raise ValueError(
            f"dates fitted without one of {first.fits} and of {second.fits} groups of users "
            "cannot be pooled"
        )
    # An Index keeps the integer 1 and the string "1" apart, where a NumPy array would not.
    codes, users = pd.factorize(pd.Index(first.users).append(pd.Index(second.users)))
    in_first, in_second = codes[: first.users.size], codes[first.users.size :]

    def summed(of_first: Counts, of_second: Counts) -> Counts:
        total = np.zeros((*of_first.shape[:-1], len(users)), dtype=np.int64)
        total[..., in_first] = of_first
        total[..., in_second] += of_second
        return total

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
        lost_wins=summed(first.lost_wins, second.lost_wins),
        lost_pairs=summed(first.lost_pairs, second.lost_pairs),
        paired_positives=summed(first.paired_positives, second.paired_positives),
        paired_negatives=summed(first.paired_negatives, second.paired_negatives),
        fits=first.fits,
    )


def _sum_by_seed(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(first, second, strict=True))
