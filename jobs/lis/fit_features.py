"""Input features of the fitted modes, probe and retrain, for the rows of each day of a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from jobs.evaluation.fit_window import fit_days
from jobs.lake import Lake
from jobs.lake.addresses import starting_ranker_days
from jobs.lis.feature_source import FeatureSource, read_feature_table
from jobs.preference.leak import Leak
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.ranker.scoring.frozen_forward import FrozenRows, frozen_rows
from jobs.ranker.scoring.starting_ranker import starting_ranker
from jobs.ranker.towers.fit_parts import UserGroups, user_groups
from jobs.ranker.towers.row_features import RowFeature, row_feature
from jobs.scenarios import Fold, Scenario

# Code digests follow imports that run. Through the registry, the digest of a fitted mode would
# cover the code of all kinds, although scores depend on their published tables alone.
if TYPE_CHECKING:
    from jobs.preference import PreferenceKind

ROWS_PER_COLUMN = 500
"""Raw vectors are used if the fit fold has at least this many rows per column."""

Floats = NDArray[np.float32]
_CONSTANT = 1e-6
"""A column whose standard deviation is smaller is treated as constant."""

_SCORED_FOLDS = (Fold.EVAL, Fold.LINEAGE)


@dataclass(frozen=True, eq=False)
class DayFeatures:
    """Rows of a day with the inputs that rankers are fitted to or score.

    Attributes:
        rows: The rows, with the embeddings of the ranker of the day.
        frozen: Outputs of the ranker of the day.
        side_information: Features that every variant gets.
        features: For each leak, the feature of each variant but the baseline.
    """

    rows: DayRows
    frozen: FrozenRows
    side_information: Sequence[RowFeature]
    features: Mapping[Leak, Mapping[str, RowFeature]]


class RollingDays:
    """Features of the days of a window; each day is read once while the window moves forward."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        source: FeatureSource,
        side_information: Sequence[PreferenceKind],
        first_day: date = date.min,
    ) -> None:
        """Start with an empty window.

        Args:
            lake: Where rows, rankers and feature tables are stored.
            scenario: The scenario to score.
            source: The features that the variants differ in.
            side_information: Kinds of preference data that every variant gets.
            first_day: Rows of earlier days are not fitted to.
        """
        self._lake, self._scenario = lake, scenario
        self._source = source
        self._first_day = first_day
        self._ranker_days = starting_ranker_days(lake, scenario)
        self._side_information = side_information
        self._fit: dict[date, DayFeatures] = {}
        self._known: Mapping[str, ItemVectors] = {}

    def days(self, as_of: date) -> list[date]:
        """Return the days before T whose rows of the fit fold are fitted to."""
        days = fit_days(self._scenario, self._ranker_days, as_of)
        return [day for day in days if day >= self._first_day]

    def fit(self, as_of: date, leaks: Sequence[Leak]) -> list[DayFeatures]:
        """Return the rows of the fit fold of the days before T, oldest first.

        Days that have left the window are freed.
        """
        days = self.days(as_of)
        self._fit = {
            day: loaded
            for day, loaded in self._fit.items()
            if day in days and loaded.features.keys() >= set(leaks)
        }
        for day in days:
            if day not in self._fit:
                ranker = self._ranker(day)
                self._fit[day] = self._day_features(ranker, day, (Fold.FIT,), leaks)
        return [self._fit[day] for day in days]

    def eval_day(self, as_of: date, leaks: Sequence[Leak]) -> tuple[DayFeatures, Ranker]:
        """Return the held-out and seen rows of T, and M_T.

        The day's rows of the fit fold are read too, for later windows.
        """
        ranker = self._ranker(as_of)
        # Read separately, as in ``fit``: the last bits depend on which rows are scored together.
        self._fit[as_of] = self._day_features(ranker, as_of, (Fold.FIT,), leaks)
        return self._day_features(ranker, as_of, _SCORED_FOLDS, leaks), ranker

    def _ranker(self, day: date) -> Ranker:
        """Load M_d; dense features are read once while the window moves forward."""
        ranker = starting_ranker(self._lake, self._scenario, day, self._known)
        self._known = ranker.item_vectors
        return ranker

    def _day_features(
        self, ranker: Ranker, day: date, folds: Sequence[Fold], leaks: Sequence[Leak]
    ) -> DayFeatures:
        rows = read_day_rows(ranker, self._lake, self._scenario, day, folds)
        frozen = frozen_rows(ranker, rows)
        ranker_logits = frozen.logits.cpu().numpy()[:, None]
        side_information = [
            row_feature(
                ranker,
                rows,
                read_feature_table(self._lake, self._scenario, kind, day, 0),
                ranker_logits,
            )
            for kind in self._side_information
        ]
        features = self._source.features(ranker, rows, day, leaks, ranker_logits)
        return DayFeatures(rows, frozen, side_information, features)


def fit_groups(fit: Sequence[DayFeatures], groups: int) -> UserGroups:
    """Return the groups of the users of the rows to fit to; see ``user_groups``."""
    users = [day.rows.rows["user_id"].combine_chunks() for day in fit]
    return user_groups(pa.concat_arrays(users), groups)


def tower_inputs(
    fit: Sequence[DayFeatures], eval_day: DayFeatures, leak: Leak
) -> tuple[torch.Tensor, torch.Tensor]:
    """Build the standardised inputs of all variants.

    Columns are side information, then the feature, which is all zeros for the baseline.

    Args:
        fit: Rows to fit to, by day.
        eval_day: Rows to score.
        leak: The leak whose features to use.

    Returns:
        Inputs of the rows to fit to and of the rows to score: float32, (variants, rows, width); the
        baseline first, then the variants in the order of ``eval_day.features``.
    """
    days = [*fit, eval_day]
    shared = [
        pair
        for number in range(len(eval_day.side_information))
        for pair in _standardised([[day.side_information[number] for day in days]])
    ]
    features = _standardised(
        [[day.features[leak][name] for day in days] for name in eval_day.features[leak]]
    )
    baseline = tuple(np.zeros_like(part) for part in features[0])
    fit_inputs, score_inputs = (
        np.stack(
            [
                np.concatenate([*(pair[side] for pair in shared), part[side]], axis=1)
                for part in (baseline, *features)
            ]
        )
        for side in (0, 1)
    )
    return torch.from_numpy(fit_inputs), torch.from_numpy(score_inputs)


def _standardised(features: Sequence[Sequence[RowFeature]]) -> list[tuple[Floats, Floats]]:
    """Standardise columns by mean and standard deviation of the rows to fit to.

    All variants get the width of the widest one; missing columns are zero, as for an empty table.

    Args:
        features: For each variant, the feature of each day; the day to score comes last.

    Returns:
        For each variant, the columns of the rows to fit to and of the rows to score.
    """
    widths = [_width(days) for days in features]
    # If all tables are empty, towers still need a column: one of zeros.
    width = max(*widths, 1)
    standardised = []
    for days, own in zip(features, widths, strict=True):
        *before, score = (_with_width(day.columns[:, :own], width) for day in days)
        fit = np.concatenate(before)
        centre, scale = fit.mean(axis=0), fit.std(axis=0)
        scale = np.where(scale > _CONSTANT, scale, 1)
        standardised.append(((fit - centre) / scale, (score - centre) / scale))
    return standardised


def _width(days: Sequence[RowFeature]) -> int:
    """Number of columns that a variant uses: without raw vectors where the rows are few."""
    widest = max(days, key=lambda day: day.columns.shape[1])
    width = widest.columns.shape[1]
    is_small = sum(len(day.columns) for day in days[:-1]) < ROWS_PER_COLUMN * width
    return widest.compact if is_small else width


def _with_width(columns: Floats, width: int) -> Floats:
    return np.pad(columns, ((0, 0), (0, width - columns.shape[1])))
