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
from jobs.evaluation.scored_day import BASELINE, KNOWN, LEAKED, PLACEBO
from jobs.lake import Lake
from jobs.lake.addresses import feature_partition, starting_ranker_days
from jobs.lis.placebo_table import placebo_table
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.ranker.scoring.frozen_forward import FrozenRows, frozen_rows
from jobs.ranker.scoring.starting_ranker import starting_ranker
from jobs.ranker.towers.fit_parts import UserGroups, user_groups
from jobs.ranker.towers.row_features import FeatureTable, RowFeature, row_feature
from jobs.scenarios import Fold, Mode, Scenario

# Code digests follow imports that run. Through the registry, the digest of a fitted mode would
# cover the code of all kinds, although scores depend on their published tables alone.
if TYPE_CHECKING:
    from jobs.preference import PreferenceKind

VARIANTS = (BASELINE, KNOWN, LEAKED, PLACEBO)
"""Rankers by the feature they are given, in the order in which their scores are stacked.

Known is the feature as of day d itself, leaked that of day d + n, placebo the leaked one shuffled.
The baseline gets none.
"""

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
        kinds: Sequence[PreferenceKind],
        side_information: Sequence[PreferenceKind],
    ) -> None:
        """Start with an empty window.

        Args:
            lake: Where rows, rankers and feature tables are stored.
            scenario: The scenario to score.
            kinds: Kinds of preference data to leak.
            side_information: Kinds of preference data that every variant gets.
        """
        self._lake, self._scenario = lake, scenario
        self._kinds = {kind.name: kind for kind in kinds}
        self._ranker_days = starting_ranker_days(lake, scenario)
        self._side_information = side_information
        self._fit: dict[date, DayFeatures] = {}

    def days(self, as_of: date) -> list[date]:
        """Return the days before T whose rows of the fit fold are fitted to."""
        return fit_days(self._scenario, self._ranker_days, as_of)

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
                ranker = starting_ranker(self._lake, self._scenario, day)
                self._fit[day] = self._day_features(ranker, day, (Fold.FIT,), leaks)
        return [self._fit[day] for day in days]

    def eval_day(self, as_of: date, leaks: Sequence[Leak]) -> tuple[DayFeatures, Ranker]:
        """Return the held-out and seen rows of T, and M_T.

        The day's rows of the fit fold are read too, for later windows.
        """
        ranker = starting_ranker(self._lake, self._scenario, as_of)
        # Read separately, as in ``fit``: the last bits depend on which rows are scored together.
        self._fit[as_of] = self._day_features(ranker, as_of, (Fold.FIT,), leaks)
        return self._day_features(ranker, as_of, _SCORED_FOLDS, leaks), ranker

    def _day_features(
        self, ranker: Ranker, day: date, folds: Sequence[Fold], leaks: Sequence[Leak]
    ) -> DayFeatures:
        rows = read_day_rows(ranker, self._lake, self._scenario, day, folds)
        frozen = frozen_rows(ranker, rows)
        ranker_logits = frozen.logits.cpu().numpy()[:, None]
        side_information = [
            row_feature(ranker, rows, self._table(kind, day, 0), ranker_logits)
            for kind in self._side_information
        ]
        known_features = {
            name: row_feature(ranker, rows, self._table(self._kinds[name], day, 0), ranker_logits)
            for name in sorted({leak.preference for leak in leaks})
        }
        features = {}
        for leak in leaks:
            leaked = self._table(self._kinds[leak.preference], day, leak.horizon)
            placebo = placebo_table(self._lake, self._scenario, ranker, rows, leaked, day)
            features[leak] = {
                KNOWN: known_features[leak.preference],
                LEAKED: row_feature(ranker, rows, leaked, ranker_logits),
                PLACEBO: row_feature(ranker, rows, placebo, ranker_logits),
            }
        return DayFeatures(rows, frozen, side_information, features)

    def _table(self, kind: PreferenceKind, day: date, horizon: int) -> FeatureTable:
        partition = feature_partition(self._scenario, kind.name, day, horizon)
        in_slot = Mode.SWAP in kind.modes and self._scenario.snapshots is None
        return FeatureTable.from_arrow(self._lake.read(partition), kind.keyed_by, in_slot)


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
        Inputs of the rows to fit to and of the rows to score: float32, (variants, rows, width),
        variants in the order of ``VARIANTS``.
    """
    days = [*fit, eval_day]
    shared = [
        pair
        for number in range(len(eval_day.side_information))
        for pair in _standardised([[day.side_information[number] for day in days]])
    ]
    features = _standardised([[day.features[leak][name] for day in days] for name in VARIANTS[1:]])
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
    widest = max((day for days in features for day in days), key=lambda day: day.columns.shape[1])
    width = widest.columns.shape[1]
    if sum(len(day.columns) for day in features[0][:-1]) < ROWS_PER_COLUMN * width:
        width = widest.compact
    # If all tables are empty, towers still need a column: one of zeros.
    width = max(width, 1)
    standardised = []
    for days in features:
        *before, score = (_with_width(day.columns, width) for day in days)
        fit = np.concatenate(before)
        centre, scale = fit.mean(axis=0), fit.std(axis=0)
        scale = np.where(scale > _CONSTANT, scale, 1)
        standardised.append(((fit - centre) / scale, (score - centre) / scale))
    return standardised


def _with_width(columns: Floats, width: int) -> Floats:
    return np.pad(columns[:, :width], ((0, 0), (0, max(width - columns.shape[1], 0))))
