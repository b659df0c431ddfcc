"""Retrain mode: a baseline and rankers that read the feature train side by side, up to day T.

They train on the ``fit`` rows of the days before T. A row of day d gets the table of d + n in the
leaked ranker, that of d in the ranker that knows no future, a shuffled one in the placebo, and
none in the baseline; all else is the same. They are scored on day T, whose rows none has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import torch
from numpy.typing import NDArray

from jobs.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.manifest import digest_of
from jobs.lake.rankers import base_partition, feature_partition
from jobs.lis.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
    variant_name,
)
from jobs.lis.result import LisResult
from jobs.lis.scored import BASELINE, KNOWN, LEAKED, PLACEBO, ScoredDay
from jobs.lis.slices import slice_values
from jobs.lis.targets import MadeFrom, Scoring, evaluate
from jobs.lis.window import fit_days
from jobs.preference import Mode, PreferenceKind, preference_kind
from jobs.preference.kind import EvalRowsSeen
from jobs.preference.placebo import shuffled
from jobs.ranker.base import base_ranker
from jobs.ranker.dense_rows import DayRows, dense_rows, read_day_rows
from jobs.ranker.feature import FeatureTable, RowFeature, row_feature
from jobs.ranker.fields import ITEM
from jobs.ranker.retrain import SideBySide
from jobs.ranker.state import Ranker
from jobs.scenarios import Scenario

MODE: Mode = "retrain"
RETRAIN_REVISION = 1
"""Raised by hand when the same tables would give other scores: stored ones are then stale."""

ROWS_A_COLUMN = 500
"""Raw vectors are used where the fit fold has so many rows for each column."""

Floats = NDArray[np.float32]
_CONSTANT = 1e-6
"""A column that varies less says the same of every row."""

_FIT = "fit"
_SCORED = ("eval", "lineage")
_VARIANTS = (BASELINE, KNOWN, LEAKED, PLACEBO)


def score_retrain(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Train and score each day at all horizons; pooled too for several days.

    Publishes ``predictions`` and ``lis``. A day whose rankers were trained from the same inputs is
    not trained again, so a killed run goes on where it stopped. Returns single days by day and
    horizon, then the pooled ones by horizon.

    Raises:
        InputError: a table is not assembled, or the fit fold is empty before T.
    """
    rankers = _Rankers(lake, scenario, kind, _RollingDays(lake, scenario, kind, sorted(horizons)))
    scoring = Scoring(
        kind=kind,
        mode=MODE,
        made_from=rankers.made_from,
        score_day=rankers.score_day,
        seeds=scenario.retrain.seeds,
        fit_days=scenario.retrain.fit_days,
        lookback_days=scenario.lookback_days,
        eval_rows_seen=_eval_rows_seen(scenario, kind),
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def _eval_rows_seen(scenario: Scenario, kind: PreferenceKind) -> EvalRowsSeen:
    """What is made of imported vectors has seen what they have, and the kind's word is for ours."""
    if scenario.snapshots is not None and "swap" in kind.modes:
        return scenario.snapshots.eval_rows_seen
    return kind.eval_rows_seen


@dataclass(frozen=True, eq=False)
class _Day:
    """Rows of a day, and what the rankers are told of them.

    known: by side information, to all rankers. features: by horizon and variant, to one.
    """

    rows: DayRows
    known: Sequence[RowFeature]
    features: Mapping[int, Mapping[str, RowFeature]]

    def only(self, chosen: NDArray[np.bool_]) -> _Day:
        features = {
            horizon: {name: feature.only(chosen) for name, feature in variants.items()}
            for horizon, variants in self.features.items()
        }
        known = [feature.only(chosen) for feature in self.known]
        return _Day(self.rows.only(chosen), known, features)


class _RollingDays:
    """The days that a window needs, each read once while the window moves on."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        kind: PreferenceKind,
        horizons: Sequence[int],
    ) -> None:
        self._lake, self._scenario, self._kind = lake, scenario, kind
        self._horizons = horizons
        self._side_information = [
            preference_kind(name, scenario) for name in scenario.ranker.side_information
        ]
        self._fit: dict[date, _Day] = {}

    def fit(self, as_of: date) -> list[_Day]:
        """Fit rows of the days before T, oldest first; days that the window has left are let go."""
        days = fit_days(self._lake, self._scenario, as_of)
        self._fit = {day: known for day, known in self._fit.items() if day in days}
        for day in days:
            if day not in self._fit:
                self._fit[day], _ = self._read(day, (_FIT,))
        return [self._fit[day] for day in days]

    def scored(self, as_of: date) -> tuple[_Day, Ranker]:
        """Held-out and seen rows of T, and M_T. The day's fit rows are kept for later windows."""
        day, ranker = self._read(as_of, (_FIT, *_SCORED))
        is_fit = day.rows.of_folds({_FIT})
        self._fit[as_of] = day.only(is_fit)
        return day.only(~is_fit), ranker

    def _read(self, day: date, folds: Sequence[str]) -> tuple[_Day, Ranker]:
        ranker = base_ranker(self._lake, self._scenario, day)
        rows = read_day_rows(ranker, self._lake, self._scenario, day, folds)
        side_information = [
            row_feature(ranker, rows, self._table(kind, day, 0)) for kind in self._side_information
        ]
        known = row_feature(ranker, rows, self._table(self._kind, day, 0))
        features = {}
        for horizon in self._horizons:
            leaked = self._table(self._kind, day, horizon)
            placebo = leaked.taken(shuffled(_popularity(ranker, rows, leaked), day.toordinal()))
            features[horizon] = {
                KNOWN: known,
                LEAKED: row_feature(ranker, rows, leaked),
                PLACEBO: row_feature(ranker, rows, placebo),
            }
        return _Day(rows, side_information, features), ranker

    def _table(self, kind: PreferenceKind, day: date, horizon: int) -> FeatureTable:
        partition = feature_partition(self._scenario, kind.name, day, horizon)
        in_item_space = "swap" in kind.modes and self._scenario.snapshots is None
        return FeatureTable.from_arrow(self._lake.read(partition), kind.keyed_by, in_item_space)


class _Rankers:
    """Trains, scores, publishes, and reads back what is published already."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        kind: PreferenceKind,
        window: _RollingDays,
    ) -> None:
        self._lake, self._scenario, self._kind = lake, scenario, kind
        self._window = window

    def made_from(self, as_of: date, horizon: int) -> MadeFrom:
        """Digests of day T as the baseline sees it, and of what the rankers are trained on."""
        lake, scenario = self._lake, self._scenario
        leak: list[object] = [RETRAIN_REVISION, scenario.retrain.model_dump(mode="json")]
        for day in [*fit_days(lake, scenario, as_of), as_of]:
            leak += self._day_digests(day)
            tables = [(self._kind.name, 0), (self._kind.name, horizon)]
            tables += [(name, 0) for name in scenario.ranker.side_information]
            for name, leaked in tables:
                leak.append(self._digest(feature_partition(scenario, name, day, leaked)))
        return MadeFrom(digest_of(*self._day_digests(as_of)), digest_of(*leak))

    def _day_digests(self, day: date) -> list[str]:
        name = self._scenario.name
        partitions = [Partition(table, name, day) for table in ("impressions", "history")]
        partitions.append(base_partition(self._scenario, day))
        return [self._digest(partition) for partition in partitions]

    def score_day(self, as_of: date, horizons: Sequence[int]) -> Mapping[int, ScoredDay]:
        stored = {horizon: self._stored(as_of, horizon) for horizon in horizons}
        found = {horizon: scored for horizon, scored in stored.items() if scored is not None}
        missing = [horizon for horizon in horizons if horizon not in found]
        if missing:
            fit = self._window.fit(as_of)
            scored, ranker = self._window.scored(as_of)
            for horizon in missing:
                found[horizon] = self._train(as_of, horizon, fit, scored, ranker)
        return found

    def _train(
        self, as_of: date, horizon: int, fit: Sequence[_Day], scored: _Day, ranker: Ranker
    ) -> ScoredDay:
        rows = dense_rows([day.rows for day in fit], ranker.device)
        if not len(rows):
            raise InputError(
                f"as of {as_of}: no row of the fit fold in the {len(fit)} days before; raise "
                "retrain.fit_days or folds.fit in the scenario"
            )
        told, asked = _inputs(fit, scored, horizon)
        rankers = SideBySide(
            ranker.network, told.shape[2], len(_VARIANTS), ranker.options, self._scenario.retrain
        )
        rankers.train(rows, told.to(ranker.device), as_of.toordinal())
        scores = rankers.score(dense_rows([scored.rows], ranker.device), asked.to(ranker.device))
        variants = {name: scores[:, at] for at, name in enumerate(_VARIANTS)}
        covered = scored.features[horizon][LEAKED].covered
        made_from = self.made_from(as_of, horizon)
        publish_predictions(
            self._lake,
            self._scenario,
            as_of,
            scored.rows.rows,
            scored.rows.item_updates,
            {self._name(horizon, name): (values, covered) for name, values in variants.items()},
            vars(made_from),
        )
        return self._as_scored(as_of, scored.rows.rows, variants, covered, scored.rows.item_updates)

    def _stored(self, as_of: date, horizon: int) -> ScoredDay | None:
        made_from = vars(self.made_from(as_of, horizon))
        tables = {}
        for name in _VARIANTS:
            partition = predictions_partition(self._scenario, as_of, self._name(horizon, name))
            table = read_seed_scores(self._lake, partition, made_from)
            if table is None:
                return None
            tables[name] = table
        leaked = tables[LEAKED]
        variants = {name: seed_scores(table) for name, table in tables.items()}
        covered = leaked["covered"].to_numpy(zero_copy_only=False)
        return self._as_scored(as_of, leaked, variants, covered, leaked["item_updates"].to_numpy())

    def _as_scored(
        self,
        as_of: date,
        rows: object,
        variants: Mapping[str, NDArray[np.float64]],
        covered: NDArray[np.bool_],
        item_updates: NDArray[np.int64],
    ) -> ScoredDay:
        slices = slice_values(self._lake, self._scenario, as_of, rows, item_updates)
        return ScoredDay(rows=rows, variants=variants, covered=covered, slices=slices)

    def _name(self, horizon: int, variant: str) -> str:
        return variant_name(self._kind.name, MODE, horizon, variant)

    def _digest(self, partition: Partition) -> str:
        way_out = f"run python -m jobs lis --scenario {self._scenario.name} --mode retrain"
        return self._lake.require(partition, way_out).digest


def _popularity(ranker: Ranker, rows: DayRows, table: FeatureTable) -> NDArray[np.int64]:
    """How often M_d had trained the item of each key of a table."""
    if table.keyed_by == "item":
        updates = np.append(ranker.table.block(ITEM).updates, 0)
        popularity: NDArray[np.int64] = updates[ranker.vocabularies[ITEM].rows(table.keys)]
        return popularity
    position = table.rows(rows)
    popularity = np.zeros(len(table.keys), np.int64)
    popularity[position[position >= 0]] = rows.item_updates[position >= 0]
    return popularity


def _inputs(fit: Sequence[_Day], scored: _Day, horizon: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the variants are told of the fit rows and of the scored ones, on one scale each.

    float32, (variants, rows, width): side information, then the feature; of the latter the
    baseline is told nothing but zeros.
    """
    shared = [
        _scaled([day.known[at] for day in fit], scored.known[at]) for at in range(len(scored.known))
    ]
    own = [
        _scaled([day.features[horizon][name] for day in fit], scored.features[horizon][name])
        for name in _VARIANTS[1:]
    ]
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


def _scaled(fit: Sequence[RowFeature], scored: RowFeature) -> tuple[Floats, Floats]:
    """Columns of fit and of scored rows, less the mean and over the deviation of the fit rows."""
    before, after = np.concatenate([part.columns for part in fit]), scored.columns
    width = before.shape[1]
    if len(before) < ROWS_A_COLUMN * width:
        width = scored.compact
    before, after = before[:, :width], after[:, :width]
    centre, scale = before.mean(axis=0), before.std(axis=0)
    scale = np.where(scale > _CONSTANT, scale, 1)
    return (before - centre) / scale, (after - centre) / scale
