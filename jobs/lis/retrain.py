"""Retrain mode: a baseline and rankers that read the feature train side by side, up to day T.

They train on the ``fit`` rows of the days before T. A row of day d gets the table of d + n in the
leaked ranker, that of d in the ranker that knows no future, a shuffled one in the placebo, and
none in the baseline; all else is the same. They are scored on day T, whose rows none has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import pyarrow as pa

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
from jobs.lis.scored import LEAKED, ScoredDay
from jobs.lis.slices import slice_values
from jobs.lis.targets import MadeFrom, Scoring, evaluate
from jobs.lis.told import VARIANTS, RollingDays, ToldDay, inputs_of
from jobs.preference import Mode, PreferenceKind, preference_kind
from jobs.preference.kind import EvalRowsSeen, has_lookback
from jobs.ranker.dense_rows import dense_rows
from jobs.ranker.retrain import SideBySide
from jobs.ranker.state import Ranker
from jobs.scenarios import Scenario

MODE: Mode = "retrain"
RETRAIN_REVISION = 1
"""Raised by hand when the same tables would give other scores: stored ones are then stale."""


_UPDATES = "item_updates"
_WORST_FIRST: tuple[EvalRowsSeen, ...] = ("yes", "unknown", "no")


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
    rankers = _Rankers(lake, scenario, kind, RollingDays(lake, scenario, kind, sorted(horizons)))
    scoring = Scoring(
        kind=kind,
        mode=MODE,
        made_from=rankers.made_from,
        score_day=rankers.score_day,
        seeds=scenario.retrain.seeds,
        fit_days=scenario.retrain.fit_days,
        lookback_days=scenario.lookback_days if has_lookback(kind) else 0,
        eval_rows_seen=eval_rows_seen(scenario, kind),
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def eval_rows_seen(scenario: Scenario, kind: PreferenceKind) -> EvalRowsSeen:
    """The worst that holds of anything that a ranker reads: the baseline has seen it as well."""
    known = [preference_kind(name, scenario) for name in scenario.ranker.side_information]
    words = {each.eval_rows_seen for each in (kind, *known)}
    if scenario.snapshots is not None:
        words.add(scenario.snapshots.eval_rows_seen)
    return next(word for word in _WORST_FIRST if word in words)


class _Rankers:
    """Trains, scores, publishes, and reads back what is published already."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        kind: PreferenceKind,
        window: RollingDays,
    ) -> None:
        self._lake, self._scenario, self._kind = lake, scenario, kind
        self._window = window
        self._digests: dict[Partition, str] = {}

    def made_from(self, as_of: date, horizon: int) -> MadeFrom:
        """Digests of day T as the baseline sees it, and of what the rankers are trained on."""
        scenario = self._scenario
        leak: list[object] = [RETRAIN_REVISION, scenario.retrain.model_dump(mode="json")]
        for day in [*self._window.days(as_of), as_of]:
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
        if not found:
            return found
        # The rows are the same at all horizons.
        first = next(iter(found.values()))
        updates = first.rows[_UPDATES].to_numpy()
        slices = slice_values(self._lake, self._scenario, as_of, first.rows, updates)
        return {horizon: replace(scored, slices=slices) for horizon, scored in found.items()}

    def _train(
        self, as_of: date, horizon: int, fit: Sequence[ToldDay], scored: ToldDay, ranker: Ranker
    ) -> ScoredDay:
        rows = dense_rows([day.rows for day in fit], ranker.device)
        if not len(rows):
            raise InputError(
                f"as of {as_of}: no row of the fit fold in the {len(fit)} days before; raise "
                "retrain.fit_days or folds.fit in the scenario"
            )
        told, asked = inputs_of(fit, scored, horizon)
        rankers = SideBySide(
            ranker.network, told.shape[2], len(VARIANTS), ranker.options, self._scenario.retrain
        )
        rankers.train(rows, told.to(ranker.device), as_of.toordinal())
        scores = rankers.score(dense_rows([scored.rows], ranker.device), asked.to(ranker.device))
        variants = {name: scores[:, at] for at, name in enumerate(VARIANTS)}
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
        updates = pa.array(scored.rows.item_updates)
        return ScoredDay(scored.rows.rows.append_column(_UPDATES, updates), variants, covered)

    def _stored(self, as_of: date, horizon: int) -> ScoredDay | None:
        made_from = vars(self.made_from(as_of, horizon))
        tables = {}
        for name in VARIANTS:
            partition = predictions_partition(self._scenario, as_of, self._name(horizon, name))
            table = read_seed_scores(self._lake, partition, made_from)
            if table is None:
                return None
            tables[name] = table
        leaked = tables[LEAKED]
        seeds = self._scenario.retrain.seeds
        variants = {name: seed_scores(table, seeds) for name, table in tables.items()}
        covered = leaked["covered"].to_numpy(zero_copy_only=False)
        return ScoredDay(leaked, variants, covered)

    def _name(self, horizon: int, variant: str) -> str:
        return variant_name(self._kind.name, MODE, horizon, variant)

    def _digest(self, partition: Partition) -> str:
        if partition not in self._digests:
            way_out = f"run python -m jobs lis --scenario {self._scenario.name} --mode retrain"
            self._digests[partition] = self._lake.require(partition, way_out).digest
        return self._digests[partition]
