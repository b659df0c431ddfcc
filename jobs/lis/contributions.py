"""What each user adds to the AUC difference of two scores, in pairs, summable over dates.

The structural components of the difference (DeLong et al., 1988) are centred, multiplied by
the number of (positive, negative) pairs and summed for each user, apart for the user's
positive and negative rows. In this unit the pair-weighted mean over dates needs no weights:
its contributions are the plain sums of the dates' contributions. Components are linear in the
difference, so the components of a mean over seeds are the means of the seeds' components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jobs.lis.arrays import checked_labels, checked_scores, user_codes
from jobs.lis.auc import doubled_wins

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Contributions:
    """Sums over one or more dates; arrays have shape (users,) and follow `users`.

    Sums and squares are of the mean over seeds. `seed_sums`, shape (seeds, users), are each
    seed's own, positives and negatives together, and doubled wins are counted for each seed.
    Rows of a date with a single class form no pairs. They count in `rows`, `positives` and
    `users` but in none of the other fields.
    """

    rows: int
    positives: int
    users: NDArray[Any]
    pairs: int
    doubled_wins_baseline: tuple[int, ...]
    doubled_wins_leaked: tuple[int, ...]
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
        """The AUC difference of each seed, shape (seeds,). Needs pairs."""
        gained = np.subtract(self.doubled_wins_leaked, self.doubled_wins_baseline, dtype=np.float64)
        return np.asarray(gained / (2 * self.pairs))

    @property
    def influence(self) -> Floats:
        """What each user adds to each seed's difference, shape (seeds, users). Needs pairs."""
        return self.seed_sums / self.pairs


def contributions(
    labels: ArrayLike, baseline: ArrayLike, leaked: ArrayLike, users: ArrayLike
) -> Contributions:
    """Return the contributions of one date.

    labels: 0 or 1, shape (rows,). baseline, leaked: two scores of the same rows, shape (rows,)
    or, with several seeds, (seeds, rows); a seed of one is compared with the same seed of the
    other. users: integer or string ids, shape (rows,). Raises ValueError for malformed columns.
    """
    positive = checked_labels(labels)
    rows = positive.size
    codes, ids = user_codes(users, rows)
    before, after = np.atleast_2d(np.asarray(baseline)), np.atleast_2d(np.asarray(leaked))
    if len(before) != len(after):
        raise ValueError(f"baseline has {len(before)} seeds, leaked has {len(after)}")
    positives = int(positive.sum())
    negatives = rows - positives
    pairs = positives * negatives

    gain = np.zeros(rows)
    seed_sums = np.zeros((len(before), ids.size))
    totals_baseline, totals_leaked = [], []
    for seed, (first, second) in enumerate(zip(before, after, strict=True)):
        wins_baseline = doubled_wins(positive, checked_scores(first, rows))
        wins_leaked = doubled_wins(positive, checked_scores(second, rows))
        total_baseline = int(wins_baseline[positive].sum())
        total_leaked = int(wins_leaked[positive].sum())
        totals_baseline.append(total_baseline)
        totals_leaked.append(total_leaked)
        of_seed = (wins_leaked - wins_baseline) / 2
        if pairs:
            pairs_gained = (total_leaked - total_baseline) / 2
            of_seed -= np.where(positive, pairs_gained / positives, pairs_gained / negatives)
        seed_sums[seed] = np.bincount(codes, weights=of_seed, minlength=ids.size)
        gain += of_seed
    gain /= len(before)

    # Cell 2u holds user u's negatives and cell 2u + 1 its positives.
    cells = 2 * codes + positive
    sums = np.bincount(cells, weights=gain, minlength=2 * ids.size).astype(np.float64, copy=False)
    by_user = sums.reshape(-1, 2)
    present = np.bincount(cells, minlength=2 * ids.size).reshape(-1, 2) > 0
    squares = np.bincount(positive, weights=gain * gain, minlength=2)
    return Contributions(
        rows=rows,
        positives=positives,
        users=ids,
        pairs=pairs,
        doubled_wins_baseline=tuple(totals_baseline),
        doubled_wins_leaked=tuple(totals_leaked),
        paired_positives=positives if pairs else 0,
        paired_negatives=negatives if pairs else 0,
        positive_squares=float(squares[1]),
        negative_squares=float(squares[0]),
        positive_sums=by_user[:, 1],
        negative_sums=by_user[:, 0],
        seed_sums=seed_sums,
        has_positive=present[:, 1] & (pairs > 0),
        has_negative=present[:, 0] & (pairs > 0),
    )


def combined(first: Contributions, second: Contributions) -> Contributions:
    """Return the contributions of both together; a user of both appears once.

    Memory and time grow with the users, not with the rows. Raises ValueError if they differ in
    their number of seeds.
    """
    if first.seeds != second.seeds:
        raise ValueError(f"dates with {first.seeds} and {second.seeds} seeds cannot be pooled")
    # An Index keeps the integer 1 and the string "1" apart, where a NumPy array would not.
    codes, users = pd.factorize(pd.Index(first.users).append(pd.Index(second.users)))
    known, new = codes[: first.users.size], codes[first.users.size :]

    def summed(of_first: Floats, of_second: Floats) -> Floats:
        total = np.zeros((*of_first.shape[:-1], len(users)))
        total[..., known] = of_first
        total[..., new] += of_second
        return total

    def either(of_first: Flags, of_second: Flags) -> Flags:
        flags = np.zeros(len(users), dtype=np.bool_)
        flags[known] = of_first
        flags[new] |= of_second
        return flags

    return Contributions(
        rows=first.rows + second.rows,
        positives=first.positives + second.positives,
        users=users.to_numpy(),
        pairs=first.pairs + second.pairs,
        doubled_wins_baseline=_by_seed(first.doubled_wins_baseline, second.doubled_wins_baseline),
        doubled_wins_leaked=_by_seed(first.doubled_wins_leaked, second.doubled_wins_leaked),
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


def _by_seed(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(first, second, strict=True))
