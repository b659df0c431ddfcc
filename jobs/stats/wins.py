"""Pairs of rows that a score orders correctly, counted in integers, in all and by user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import Users, ascending_order, checked_labels, checked_scores, user_codes

Counts = NDArray[np.int64]

_POSITIVE, _MIXED, _USER = 1, 2, 2
"""A cell is a row's label (bit 0), whether its user has both labels (bit 1), and its user."""


class LabelledRows:
    """Labels and users of rows, prepared for counting the pairs that any score of them orders.

    Attributes:
        ids: The id of each user, shape (users,).
        positive: Whether the label is 1, shape (rows,).
        positives_by_user: Number of positive rows of each user, shape (users,).
        negatives_by_user: Number of negative rows of each user, shape (users,).
        rows: Number of rows.
        positives: Number of positive rows.
        pairs: Number of (positive, negative) pairs.
        mixed: Whether the user has rows of both labels, shape (users,).
        cells: Label, mixed user and user of each row in one integer, shape (rows,).
    """

    def __init__(self, labels: ArrayLike, users: ArrayLike | Users) -> None:
        """Number the users, unless they are numbered already.

        Args:
            labels: 0 or 1, shape (rows,).
            users: Integer or string ids, or numbered users, shape (rows,).

        Raises:
            ValueError: If a column is malformed.
        """
        self.positive = checked_labels(labels)
        codes, self.ids = user_codes(users, self.positive.size)
        impressions = np.bincount(codes, minlength=self.ids.size)
        self.positives_by_user: Counts = np.bincount(codes[self.positive], minlength=self.ids.size)
        self.negatives_by_user: Counts = impressions - self.positives_by_user
        self.rows = self.positive.size
        self.positives = int(self.positive.sum())
        self.pairs = self.positives * (self.rows - self.positives)
        self.mixed = (self.positives_by_user > 0) & (self.negatives_by_user > 0)
        # Narrow cells stay in the processor's cache, where they are read in the order of scores.
        width = np.int32 if self.ids.size < 2**29 else np.int64
        of_user = (np.arange(self.ids.size) << _USER) + _MIXED * self.mixed
        cells: NDArray[Any] = of_user.astype(width)[codes]
        self.cells = cells + self.positive

    def ranked(self, scores: ArrayLike) -> RankedRows:
        """Order the rows by a score.

        Args:
            scores: Numbers, shape (rows,).

        Raises:
            ValueError: If the scores are malformed.
        """
        checked = checked_scores(scores, self.rows)
        order = ascending_order(checked)
        ordered = checked[order]
        edges = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [self.rows]))
        return RankedRows(self, self.cells[order], edges)


@dataclass(frozen=True, eq=False)
class RankedRows:
    """Rows in the ascending order of a score.

    Attributes:
        rows: The labels and users, in their own order.
        cells: The cell of each row, ascending by score, shape (rows,).
        edges: Where ties begin, and the number of rows, shape (ties + 1,).
    """

    rows: LabelledRows
    cells: NDArray[Any]
    edges: Counts

    def within_users(self) -> Counts:
        """Count twice the pairs in the right order within each user, shape (users,).

        A tie counts as half a pair in the right order.
        """
        # One integer orders a row by user, then by score; of a tie, negatives come first.
        chosen = np.flatnonzero(self.cells & _MIXED)
        keys = np.repeat(np.arange(self.edges.size - 1), np.diff(self.edges))[chosen]
        cells = self.cells[chosen].astype(np.int64)
        del chosen
        keys <<= 1
        keys |= cells & _POSITIVE
        bits = 1 + self.rows.rows.bit_length()
        cells >>= _USER
        cells <<= bits
        keys |= cells
        del cells
        keys.sort()

        at = np.flatnonzero(keys & _POSITIVE)
        of_positive = keys[at]
        negatives_below = at - np.arange(at.size)
        start_of_tie = np.searchsorted(keys, of_positive - 1)
        first_of_tie = np.searchsorted(of_positive, of_positive)
        doubled = negatives_below + start_of_tie - first_of_tie
        rows, mixed = self.rows, self.rows.mixed
        total = np.bincount(of_positive >> bits, weights=doubled, minlength=mixed.size)
        negatives = np.where(mixed, rows.negatives_by_user, 0)
        of_users_before = np.cumsum(negatives) - negatives
        beyond = 2 * np.where(mixed, rows.positives_by_user, 0) * of_users_before
        return np.asarray(total.astype(np.int64) - beyond)

    def wins(self) -> tuple[int, Counts]:
        """Count twice the pairs in the right order, in all and with a row of each user.

        Returns:
            The count of all pairs, and that of the pairs in which a user's rows take part, shape
            (users,): what leaving out the user would take away.
        """
        positive = (self.cells & _POSITIVE).astype(np.int8).view(np.bool_)
        positives_below = np.zeros(positive.size + 1, dtype=np.int64)
        np.cumsum(positive, out=positives_below[1:])
        below = positives_below[self.edges]
        del positives_below
        # Rows of a tie lie below its upper edge and not below its lower one, so they count once.
        at_edges = below[1:] + below[:-1]
        of_positives = self.edges[1:] + self.edges[:-1] - at_edges
        total = int(np.dot(np.diff(below), of_positives))
        size = np.diff(self.edges)
        wins = np.repeat(2 * self.rows.positives - at_edges, size)
        np.copyto(wins, np.repeat(of_positives, size), where=positive)
        users = self.rows.ids.size
        by_row = np.bincount(self.cells >> _USER, weights=wins, minlength=users)
        del wins, positive
        # A pair within a user was counted with its positive and with its negative row.
        return total, by_row.astype(np.int64) - self.within_users()
