"""The scored rows of a day, as every mode passes them to the statistics."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.scenarios.terms import Fold
from jobs.stats.calibration import CalibrationComparison, compare_calibration
from jobs.stats.columns import Users, encode_users
from jobs.stats.gauc import GaucComparison, compare_gauc

BASELINE, LEAKED, KNOWN, PLACEBO = "baseline", "leaked", "known", "placebo"
"""Names of the variants, as stored. Known is the feature as available on the day itself."""
ALIGNED, UNALIGNED, SHUFFLED = "aligned", "unaligned", "shuffled"
"""Names of the variants of an aligned encoder: its vectors, those of the same content before
alignment, and the aligned ones shuffled among items."""
TREATMENT = LEAKED
"""The variant whose gain over the baseline decides: in a Leakage Impact Score the leaked one."""
RANKER, POPULARITY, LOGISTIC = "ranker", "popularity", "logistic"
"""Names of the variants that show how good the ranker is: M_T's own scores, and two simple models
that know the same past: the click rates of item and context, and a logistic regression."""
SAME_FOR_ALL_SEEDS = frozenset({RANKER, POPULARITY, LOGISTIC})
"""Variants that no mode fits: their scores of one seed are repeated for the others."""

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


class RowGroup(StrEnum):
    """Which rows a comparison is made on."""

    HELD_OUT = "held-out"
    SEEN = "seen"


_FOLDS = {RowGroup.HELD_OUT: Fold.EVAL, RowGroup.SEEN: Fold.LINEAGE}


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a day with their scores.

    Attributes:
        labels: 0 or 1, shape (rows,).
        users: The users of the rows.
        variants: Scores by variant, shape (seeds, rows); baseline and treatment among them.
        covered: Whether the treatment's data covers the row, shape (rows,); None if unavailable.
        are_probabilities: Whether scores are probabilities of label 1.
    """

    labels: NDArray[np.int8]
    users: Users
    variants: Mapping[str, Scores]
    covered: Flags | None
    are_probabilities: bool

    def by_seed(self) -> list[SeedScores]:
        """Return baseline and treatment of each seed."""
        pairs = zip(self.variants[BASELINE], self.variants[TREATMENT], strict=True)
        return [
            SeedScores(self.labels, self.users, baseline, treatment, self.are_probabilities)
            for baseline, treatment in pairs
        ]


@dataclass(frozen=True, eq=False)
class SeedScores:
    """Baseline and treatment of one seed, with comparisons that several figures share.

    Attributes:
        labels: 0 or 1, shape (rows,).
        users: The users of the rows.
        baseline: Scores, shape (rows,).
        treatment: Scores, shape (rows,).
        are_probabilities: Whether scores are probabilities of label 1.
    """

    labels: NDArray[np.int8]
    users: Users
    baseline: Scores
    treatment: Scores
    are_probabilities: bool

    @property
    def rows(self) -> int:
        return len(self.labels)

    @cached_property
    def gauc(self) -> GaucComparison:
        return compare_gauc(self.labels, self.baseline, self.treatment, self.users)

    @cached_property
    def calibration(self) -> CalibrationComparison:
        """The comparison of probabilities; NaN where scores are none."""
        if not self.are_probabilities:
            return CalibrationComparison(*[math.nan] * 6)
        return compare_calibration(self.labels, self.baseline, self.treatment)


@dataclass(frozen=True, eq=False)
class ScoredDay:
    """The rows of a day with the scores of every variant of the ranker.

    Seed s of one variant is compared with seed s of another.

    Attributes:
        rows: The columns ``user_id``, ``label`` and ``fold``, and any others. Without ``fold``
            all rows are held out.
        variants: Scores by variant, shape (seeds, rows). ``BASELINE`` and ``TREATMENT`` are
            required, the others optional.
        covered: Whether the treatment's data covers the row, shape (rows,); None if unavailable.
        slices: Value of each row by slice name, shape (rows,).
        are_probabilities: Whether scores are probabilities of label 1; where they are not,
            figures of calibration are NaN.
        fits: Of how many groups of fit users each seed's rankers have left one out, in a
            delete-a-group jackknife; 0 where seeds are plain repetitions.

    Raises:
        ValueError: If a variant is missing, or shapes do not agree.
    """

    rows: pa.Table
    variants: Mapping[str, Scores]
    covered: Flags | None = None
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    are_probabilities: bool = True
    fits: int = 0

    def __post_init__(self) -> None:
        for name in (BASELINE, TREATMENT):
            if name not in self.variants:
                raise ValueError(f"a scored day needs the variant {name!r}")
        seeds = len(self.variants[BASELINE])
        for name, scores in self.variants.items():
            if scores.ndim != 2 or scores.shape != (seeds, self.rows.num_rows) or not seeds:
                raise ValueError(
                    f"variant {name!r} has shape {scores.shape}, not "
                    f"(seeds, rows) = ({seeds}, {self.rows.num_rows})"
                )
        covered = {} if self.covered is None else {"covered": self.covered}
        for name, values in {**covered, **self.slices}.items():
            if values.shape != (self.rows.num_rows,):
                raise ValueError(
                    f"{name!r} has shape {values.shape}, the day has {self.rows.num_rows} rows"
                )

    @property
    def seeds(self) -> int:
        return len(self.variants[BASELINE])

    def chosen(self, rows: Flags) -> ScoredDay:
        """Return the day with some of its rows only.

        Args:
            rows: Which rows to keep, shape (rows,).
        """
        return ScoredDay(
            self.rows.filter(pa.array(rows)),
            {name: scores[:, rows] for name, scores in self.variants.items()},
            None if self.covered is None else self.covered[rows],
            {name: values[rows] for name, values in self.slices.items()},
            self.are_probabilities,
            self.fits,
        )

    def part(self, group: RowGroup, variants: Collection[str]) -> Rows:
        """Return the rows of a group with some of the variants that the day has.

        Args:
            group: Held-out or seen rows; rows of the ``fit`` fold belong to neither.
            variants: Names of the variants to keep, besides baseline and treatment.
        """
        chosen = self.members(group)
        kept = {BASELINE, TREATMENT, *variants}
        return Rows(
            self._labels[chosen],
            self._users[chosen],
            {
                name: _some_rows(scores, chosen)
                for name, scores in self.variants.items()
                if name in kept
            },
            None if self.covered is None else self.covered[chosen],
            self.are_probabilities,
        )

    def members(self, group: RowGroup) -> Flags:
        """Return which rows belong to a group, shape (rows,)."""
        if "fold" not in self.rows.column_names:
            return np.full(self.rows.num_rows, group == RowGroup.HELD_OUT)
        folds = self.rows["fold"].to_numpy(zero_copy_only=False)
        return np.asarray(folds == _FOLDS[group], dtype=np.bool_)

    @cached_property
    def _labels(self) -> NDArray[np.int8]:
        return np.asarray(self.rows["label"].to_numpy().astype(np.int8))

    @cached_property
    def _users(self) -> Users:
        return encode_users(self.rows["user_id"])


def _some_rows(scores: Scores, chosen: Flags) -> Scores:
    """Return the scores of some rows; those repeated for every seed are not copied for each."""
    if scores.strides[0]:
        return scores[:, chosen]
    of_one = scores[0, chosen]
    return np.broadcast_to(of_one, (len(scores), of_one.size))
