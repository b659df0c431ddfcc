"""Utilisation heads: ways in which a tower can be given the vectors of items.

The same vectors can be worth more or less, depending on how a ranker reads them. A head turns a
table of item vectors and the rows of a day into input columns. It reads items and click histories
alone, never a label. A head is made once for all days of an evaluation, from a table of vectors
that its codes, if it has any, are fitted to: so a column means the same on every day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.ais.terms import HeadName
from jobs.lis.feature_source import Head
from jobs.preference.residual_codes import ResidualCodebook
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.scoring.frozen_forward import Floats
from jobs.ranker.towers.row_features import FeatureTable, RowFeature, row_feature

TIERS = 10
"""Tiers of the histogram of similarities, of equal width between cosines of -1 and 1."""
LEVELS, CODES = 3, 16
"""Levels of residual codes, and codes of a level."""

Integers = NDArray[np.int64]


def similarity_tiers(
    _ranker: Ranker, day: DayRows, table: FeatureTable, _ranker_logits: Floats
) -> RowFeature:
    """How similar the candidate is to each clicked item: SimTier (arXiv 2407.19467).

    Columns are whether the candidate has a vector, the highest and the mean cosine with a clicked
    item, and how many clicked items fall into each of ``TIERS`` tiers of the cosine. Clicked items
    without a vector do not count; without any that has one, or for a candidate without a vector,
    all but the first column are zero.
    """
    index, row, clicked = _entries(table, day)
    vectors = _vectors(table)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosine = (unit[index[row]] * unit[clicked]).sum(axis=1)
    # A cosine of exactly 1 belongs to the last tier; rounding may exceed 1.
    tier = ((cosine + 1) / 2 * TIERS).astype(np.int64).clip(0, TIERS - 1)
    counts = np.bincount(row * TIERS + tier, minlength=len(day) * TIERS)
    clicks = np.bincount(row, minlength=len(day))
    highest = np.full(len(day), -np.inf)
    np.maximum.at(highest, row, cosine)
    highest[clicks == 0] = 0
    mean = np.bincount(row, weights=cosine, minlength=len(day)) / np.maximum(clicks, 1)
    tiers = counts.reshape(len(day), TIERS)
    columns = np.column_stack([index >= 0, highest, mean, tiers]).astype(np.float32)
    return RowFeature(columns, columns.shape[1], index >= 0)


@dataclass(frozen=True, eq=False)
class ResidualCodes:
    """The vector as discrete codes, as of semantic ids. Codes are fitted to vectors, not to clicks.

    Compact columns are whether the candidate has a vector, and for each level the share of clicked
    items that have the candidate's codes down to this level. Then follow the codes themselves, one
    column for each code of each level.
    """

    codebook: ResidualCodebook | None

    @classmethod
    def fitted(cls, table: FeatureTable) -> ResidualCodes:
        """Fit the codes to all vectors of a table; without any, no item has codes."""
        vectors = _vectors(table)
        return cls(ResidualCodebook.fit(vectors, LEVELS, CODES) if vectors.size else None)

    def __call__(
        self, _ranker: Ranker, day: DayRows, table: FeatureTable, _ranker_logits: Floats
    ) -> RowFeature:
        """See ``Head``."""
        index, row, clicked = _entries(table, day)
        codes = np.zeros((len(table.keys), LEVELS), np.int32)
        if self.codebook is not None and len(codes):
            codes = self.codebook.codes(_vectors(table))[0]
        clicks = np.maximum(np.bincount(row, minlength=len(day)), 1)
        shares, same = [], np.ones(len(row), np.bool_)
        for level in range(LEVELS):
            same &= codes[index[row], level] == codes[clicked, level]
            shares.append(np.bincount(row, weights=same, minlength=len(day)) / clicks)
        covered = index >= 0
        hot = np.zeros((len(day), LEVELS, CODES), np.float32)
        hot[np.flatnonzero(covered)[:, None], np.arange(LEVELS), codes[index[covered]]] = 1
        compact = np.column_stack([covered, *shares]).astype(np.float32)
        columns = np.concatenate([compact, hot.reshape(len(day), LEVELS * CODES)], axis=1)
        return RowFeature(columns, compact.shape[1], covered)


HEADS: Mapping[str, Callable[[FeatureTable], Head]] = {
    HeadName.RAW: lambda _table: row_feature,
    HeadName.SIMILARITY: lambda _table: similarity_tiers,
    HeadName.CODES: ResidualCodes.fitted,
}
"""Makes a head, by name, from a table of item vectors that its codes may be fitted to."""


def _entries(table: FeatureTable, day: DayRows) -> tuple[Integers, Integers, Integers]:
    """Where the items of rows are in a table.

    Returns:
        Of each row's candidate, -1 for none, (rows,); and of the clicked items that have a vector
        beside a candidate that has one: their row, and where they are, (entries,).
    """
    index = table.key_index(day)
    clicked = Vocabulary(table.keys).rows(day.clicks.items)
    used = (clicked >= 0) & (index[day.clicks.row] >= 0)
    return index, day.clicks.row[used], clicked[used]


def _vectors(table: FeatureTable) -> Floats:
    assert table.vectors is not None, "a head reads a table of vectors"
    return table.vectors
