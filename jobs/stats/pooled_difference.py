"""The pair-weighted mean of daily AUC differences, clustered by user over all dates."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from jobs.stats.auc_contributions import Contributions, combine, contributions
from jobs.stats.auc_difference import PairedComparison, summarise
from jobs.stats.columns import Users


@dataclass(frozen=True)
class PooledComparison(PairedComparison):
    """A comparison over several dates.

    AUCs and difference are means over dates, weighted by their (positive, negative) pairs.

    Attributes:
        dates: The number of dates with both classes.
        dates_skipped: The number of dates with a single class, which form no pairs; their rows,
            positives and users are counted.
    """

    dates: int
    dates_skipped: int


class PooledDifference:
    """Accumulates dates one at a time; memory grows with the users, not with the rows.

    A user's contributions are summed over dates, so a returning user is one independent unit.
    Pairs are formed within a date only. Pooling a single date gives exactly the result of
    ``compare``.
    """

    def __init__(self) -> None:
        """Start without any date."""
        self._total: Contributions | None = None
        self._dates = 0
        self._dates_skipped = 0

    def add(
        self,
        labels: ArrayLike,
        baseline: ArrayLike,
        treatment: ArrayLike,
        users: ArrayLike | Users,
        *,
        fits: int = 0,
    ) -> None:
        """Add one date with columns shaped as for ``compare``.

        A user must have the same id on every date.

        Raises:
            ValueError: If a column is malformed, or the number of seeds or of groups that they
                were fitted without differs from other dates.
        """
        self.add_date(contributions(labels, baseline, treatment, users, fits=fits))

    def add_date(self, date: Contributions) -> None:
        """Add one date by its contributions.

        Raises:
            ValueError: If the number of seeds or of groups that they were fitted without differs
                from other dates.
        """
        self._total = date if self._total is None else combine(self._total, date)
        if date.pairs:
            self._dates += 1
        else:
            self._dates_skipped += 1

    @property
    def total(self) -> Contributions | None:
        """The contributions of all dates together; None before the first date."""
        return self._total

    def result(self, level: float = 0.95) -> PooledComparison:
        """Return the comparison over the dates added so far.

        Every float is NaN if no date holds both classes.

        Args:
            level: Coverage of the interval, between 0 and 1.

        Raises:
            ValueError: If no date was added, or the level lies outside (0, 1).
        """
        if self._total is None:
            raise ValueError("no date was added; call add before result")
        comparison = summarise(self._total, level)
        return PooledComparison(
            **vars(comparison), dates=self._dates, dates_skipped=self._dates_skipped
        )
