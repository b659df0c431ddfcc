"""The pair-weighted mean of daily AUC differences, clustered by user over all dates."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from jobs.stats.auc_contributions import Contributions, combined, contributions
from jobs.stats.auc_difference import PairedComparison, summarise
from jobs.stats.columns import Users


@dataclass(frozen=True)
class PooledComparison(PairedComparison):
    """A comparison over several dates.

    AUCs and difference are means over the `dates` that hold both classes, weighted by their
    (positive, negative) pairs. `dates_skipped` counts the dates with a single class: their
    rows, positives and users are counted, but they form no pairs.
    """

    dates: int
    dates_skipped: int


class PooledDifference:
    """Accumulate dates one at a time; memory grows with the users, not with the rows.

    A user's contributions are summed over dates before they are squared, so a user who
    comes back is one independent unit. Pairs are formed within a date only. Pooling a single
    date gives exactly what `compare` gives for it.
    """

    def __init__(self) -> None:
        """Start with no date."""
        self._total: Contributions | None = None
        self._dates = 0
        self._dates_skipped = 0

    def add(
        self, labels: ArrayLike, baseline: ArrayLike, leaked: ArrayLike, users: ArrayLike | Users
    ) -> None:
        """Add one date; columns are shaped as for `compare`, with equally many seeds each date.

        A user must carry the same id on every date. Raises ValueError for malformed columns.
        """
        self.add_date(contributions(labels, baseline, leaked, users))

    def add_date(self, date: Contributions) -> None:
        """Add one date by its contributions. Raises ValueError for another number of seeds."""
        self._total = date if self._total is None else combined(self._total, date)
        if date.pairs:
            self._dates += 1
        else:
            self._dates_skipped += 1

    @property
    def total(self) -> Contributions | None:
        """The contributions of all dates together; None before the first."""
        return self._total

    def result(self, level: float = 0.95) -> PooledComparison:
        """Return the comparison over the dates added so far.

        level: coverage of the interval. Every float is NaN if no date holds both classes.
        Raises ValueError if no date was added, and for a level outside (0, 1).
        """
        if self._total is None:
            raise ValueError("no date was added; add at least one before asking for the result")
        comparison = summarise(self._total, level)
        return PooledComparison(
            **vars(comparison), dates=self._dates, dates_skipped=self._dates_skipped
        )
