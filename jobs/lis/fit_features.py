"""What the rankers of retrain mode are told of the rows of each day, while the days move on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.evaluation.fit_window import fit_days
from jobs.evaluation.scored_day import BASELINE, KNOWN, LEAKED, PLACEBO
from jobs.lake import Lake
from jobs.lake.addresses import feature_partition, starting_ranker_days
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.leak import Leak
from jobs.preference.placebo import shuffled
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.scoring.starting_ranker import starting_ranker
from jobs.ranker.towers.day_rows import DayRows, read_day_rows
from jobs.ranker.towers.frozen_forward import frozen_rows
from jobs.ranker.towers.probe_towers import FrozenRows
from jobs.ranker.towers.row_features import FeatureTable, RowFeature, row_feature
from jobs.scenarios import Fold, Mode, Scenario

VARIANTS = (BASELINE, KNOWN, LEAKED, PLACEBO)
"""Rankers by what they are told, in the order in which they are stacked."""

ROWS_A_COLUMN = 500
"""Raw vectors are used where the fit fold has so many rows for each column."""

Floats = NDArray[np.float32]
_CONSTANT = 1e-6
"""A column that varies less says the same of every row."""

_SCORED = (Fold.EVAL, Fold.LINEAGE)


@dataclass(frozen=True, eq=False)
class ToldDay:
    """Rows of a day, and what the rankers are told of them.

    frozen: what the ranker of the day makes of them. known: by side information, to all rankers.
    features: by leak and variant, to one.
    """

    rows: DayRows
    frozen: FrozenRows
    known: Sequence[RowFeature]
    features: Mapping[Leak, Mapping[str, RowFeature]]


class RollingDays:
    """The days that a window needs, each read once while the window moves on."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        kinds: Sequence[PreferenceKind],
    ) -> None:
        self._lake, self._scenario = lake, scenario
        self._kinds = {kind.name: kind for kind in kinds}
        self._rankers = starting_ranker_days(lake, scenario)
        self._side_information = [
            preference_kind(name, scenario) for name in scenario.ranker.side_information
        ]
        self._fit: dict[date, ToldDay] = {}

    def days(self, as_of: date) -> list[date]:
        """The days before T whose fit rows train."""
        return fit_days(self._scenario, self._rankers, as_of)

    def fit(self, as_of: date, leaks: Sequence[Leak]) -> list[ToldDay]:
        """Fit rows of the days before T, oldest first; days that the window has left are let go."""
        days = self.days(as_of)
        self._fit = {
            day: told
            for day, told in self._fit.items()
            if day in days and told.features.keys() >= set(leaks)
        }
        for day in days:
            if day not in self._fit:
                ranker = starting_ranker(self._lake, self._scenario, day)
                self._fit[day] = self._told(ranker, day, (Fold.FIT,), leaks)
        return [self._fit[day] for day in days]

    def scored(self, as_of: date, leaks: Sequence[Leak]) -> tuple[ToldDay, Ranker]:
        """Held-out and seen rows of T, and M_T. The day's fit rows are kept for later windows."""
        ranker = starting_ranker(self._lake, self._scenario, as_of)
        # By themselves, as in ``fit``: the last bits depend on the rows that are scored together.
        self._fit[as_of] = self._told(ranker, as_of, (Fold.FIT,), leaks)
        return self._told(ranker, as_of, _SCORED, leaks), ranker

    def _told(
        self, ranker: Ranker, day: date, folds: Sequence[Fold], leaks: Sequence[Leak]
    ) -> ToldDay:
        rows = read_day_rows(ranker, self._lake, self._scenario, day, folds)
        frozen = frozen_rows(ranker, rows)
        own = frozen.logits.cpu().numpy()[:, None]
        side_information = [
            row_feature(ranker, rows, self._table(kind, day, 0), own)
            for kind in self._side_information
        ]
        known = {
            name: row_feature(ranker, rows, self._table(self._kinds[name], day, 0), own)
            for name in sorted({leak.preference for leak in leaks})
        }
        features = {}
        for leak in leaks:
            leaked = self._table(self._kinds[leak.preference], day, leak.horizon)
            placebo = leaked.taken(shuffled(_popularity(ranker, rows, leaked), day.toordinal()))
            features[leak] = {
                KNOWN: known[leak.preference],
                LEAKED: row_feature(ranker, rows, leaked, own),
                PLACEBO: row_feature(ranker, rows, placebo, own),
            }
        return ToldDay(rows, frozen, side_information, features)

    def _table(self, kind: PreferenceKind, day: date, horizon: int) -> FeatureTable:
        partition = feature_partition(self._scenario, kind.name, day, horizon)
        in_slot = Mode.SWAP in kind.modes and self._scenario.snapshots is None
        return FeatureTable.from_arrow(self._lake.read(partition), kind.keyed_by, in_slot)


def inputs_of(
    fit: Sequence[ToldDay], scored: ToldDay, leak: Leak
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the variants are told of the fit rows and of the scored ones, on one scale each.

    float32, (variants, rows, width): side information, then the feature; of the latter the
    baseline is told nothing but zeros.
    """
    days = [*fit, scored]
    shared = [
        pair
        for at in range(len(scored.known))
        for pair in _scaled([[day.known[at] for day in days]])
    ]
    own = _scaled([[day.features[leak][name] for day in days] for name in VARIANTS[1:]])
    baseline = tuple(np.zeros_like(part) for part in own[0])
    told, asked = (
        np.stack(
            [
                np.concatenate([*(pair[side] for pair in shared), part[side]], axis=1)
                for part in (baseline, *own)
            ]
        )
        for side in (0, 1)
    )
    return torch.from_numpy(told), torch.from_numpy(asked)


def _scaled(features: Sequence[Sequence[RowFeature]]) -> list[tuple[Floats, Floats]]:
    """Columns of fit and of scored rows, less the mean and over the deviation of the fit rows.

    features: by variant, one a day, the scored day last. All get the columns of the widest: a
    table that holds nothing has none, and zeros say as much.
    """
    widest = max((day for days in features for day in days), key=lambda day: day.columns.shape[1])
    width = widest.columns.shape[1]
    if sum(len(day.columns) for day in features[0][:-1]) < ROWS_A_COLUMN * width:
        width = widest.compact
    # Where no table holds anything, a column of zeros is what a tower can still take.
    width = max(width, 1)
    scaled = []
    for days in features:
        *before, after = (_of_width(day.columns, width) for day in days)
        fit = np.concatenate(before)
        centre, scale = fit.mean(axis=0), fit.std(axis=0)
        scale = np.where(scale > _CONSTANT, scale, 1)
        scaled.append(((fit - centre) / scale, (after - centre) / scale))
    return scaled


def _of_width(columns: Floats, width: int) -> Floats:
    return np.pad(columns[:, :width], ((0, 0), (0, max(width - columns.shape[1], 0))))


def _popularity(ranker: Ranker, rows: DayRows, table: FeatureTable) -> NDArray[np.int64]:
    """How often M_d had trained the key of each row of a table, or the item of an impression."""
    if table.column in ranker.fields:
        updates = np.append(ranker.table.block(table.column).updates, 0)
        popularity: NDArray[np.int64] = updates[ranker.vocabularies[table.column].rows(table.keys)]
        return popularity
    position = table.rows(rows)
    popularity = np.zeros(len(table.keys), np.int64)
    popularity[position[position >= 0]] = rows.item_updates[position >= 0]
    return popularity
