"""Modes that train on the days before T: what they share but the training itself.

They train on the ``fit`` rows of these days. A row of day d gets the table of d + n in the leaked
variant, that of d in the one that knows no future, a shuffled one in the placebo, and none in the
baseline; all else is the same. They are scored on day T, whose rows none has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.common.errors import InputError
from jobs.evaluation.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
    variant_name,
)
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import LEAKED, ScoredDay
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, Partition
from jobs.lake.addresses import feature_partition, starting_ranker_partition
from jobs.lake.manifest import digest_of
from jobs.lis.fit_features import VARIANTS, RollingDays, ToldDay
from jobs.lis.score_leaks import MadeFrom, Scoring, evaluate
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.kind import has_lookback
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.scenarios import EvalRowsSeen, Mode, Scenario

_UPDATES = "item_updates"
_WORST_FIRST: tuple[EvalRowsSeen, ...] = ("yes", "unknown", "no")


class Training(Protocol):
    """How a mode trains.

    identity: the options and the revision of the code that its scores follow from, besides data.
    """

    @property
    def mode(self) -> Mode: ...

    @property
    def identity(self) -> Sequence[object]: ...

    @property
    def seeds(self) -> int: ...

    def scores(
        self,
        as_of: date,
        fit: Sequence[ToldDay],
        scored: ToldDay,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        """Click probabilities of the scored rows: (seeds, variants, rows) for each leak.

        ranker: M_T. Variants are in the order of ``VARIANTS``.
        """
        ...


def score_fitted(
    lake: Lake,
    scenario: Scenario,
    training: Training,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Train and score each day with all leaks; pooled too for several days.

    Publishes ``predictions`` and ``lis``. A day whose rankers were trained from the same inputs is
    not trained again, so a killed run goes on where it stopped. Returns the results of one kind
    after the other: single days by day and horizon, then the pooled ones by horizon.

    Raises:
        InputError: a table is not assembled, or the fit fold is empty before T.
    """
    rankers = _Trained(lake, scenario, training, RollingDays(lake, scenario, kinds))
    scoring = Scoring(
        kinds=tuple(kinds),
        mode=training.mode,
        made_from=rankers.made_from,
        score_day=rankers.score_day,
        seeds=training.seeds,
        fit_days=scenario.fit.days,
        lookback_days=lambda kind: scenario.lookback_days if has_lookback(kind) else 0,
        eval_rows_seen=lambda kind: eval_rows_seen(scenario, kind),
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def eval_rows_seen(scenario: Scenario, kind: PreferenceKind) -> EvalRowsSeen:
    """The worst that holds of anything that a ranker reads: the baseline has seen it as well."""
    known = [preference_kind(name, scenario) for name in scenario.ranker.side_information]
    words = {each.eval_rows_seen for each in (kind, *known)}
    if scenario.snapshots is not None:
        words.add(scenario.snapshots.eval_rows_seen)
    return next(word for word in _WORST_FIRST if word in words)


class _Trained:
    """Trains, scores, publishes, and reads back what is published already."""

    def __init__(
        self, lake: Lake, scenario: Scenario, training: Training, window: RollingDays
    ) -> None:
        self._lake, self._scenario, self._training = lake, scenario, training
        self._window = window
        self._digests: dict[Partition, str] = {}

    def made_from(self, as_of: date, leak: Leak) -> MadeFrom:
        """Digests of day T as the baseline sees it, and of what is trained on."""
        scenario = self._scenario
        digests = list(self._training.identity)
        for day in [*self._window.days(as_of), as_of]:
            digests += self._day_digests(day)
            tables = [(leak.preference, 0), (leak.preference, leak.horizon)]
            tables += [(name, 0) for name in scenario.ranker.side_information]
            for name, horizon in tables:
                digests.append(self._digest(feature_partition(scenario, name, day, horizon)))
        return MadeFrom(digest_of(*self._day_digests(as_of)), digest_of(*digests))

    def score_day(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        stored = {leak: self._stored(as_of, leak) for leak in leaks}
        found = {leak: scored for leak, scored in stored.items() if scored is not None}
        missing = [leak for leak in leaks if leak not in found]
        if missing:
            found |= self._train(as_of, missing)
        # The rows are the same whatever is leaked.
        first = found[leaks[0]].rows
        updates = first[_UPDATES].to_numpy()
        slices = slice_values(self._lake, self._scenario, as_of, first, updates)
        return {leak: replace(scored, slices=slices) for leak, scored in found.items()}

    def _train(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        fit = self._window.fit(as_of, leaks)
        if not sum(len(day.rows) for day in fit):
            raise InputError(
                f"as of {as_of}: no row of the fit fold in the {len(fit)} days before; raise "
                "fit.days or folds.fit in the scenario"
            )
        scored, ranker = self._window.scored(as_of, leaks)
        rows = scored.rows
        described = rows.rows.append_column(_UPDATES, pa.array(rows.item_updates))
        found = {}
        for leak, scores in self._training.scores(as_of, fit, scored, ranker, leaks):
            variants = {name: scores[:, at] for at, name in enumerate(VARIANTS)}
            covered = scored.features[leak][LEAKED].covered
            published = {
                self._name(leak, name): (values, covered) for name, values in variants.items()
            }
            publish_predictions(
                self._lake,
                self._scenario,
                as_of,
                rows.rows,
                rows.item_updates,
                published,
                vars(self.made_from(as_of, leak)),
            )
            found[leak] = ScoredDay(described, variants, covered)
        return found

    def _stored(self, as_of: date, leak: Leak) -> ScoredDay | None:
        made_from = vars(self.made_from(as_of, leak))
        tables = {}
        for name in VARIANTS:
            partition = predictions_partition(self._scenario, as_of, self._name(leak, name))
            table = read_seed_scores(self._lake, partition, made_from)
            if table is None:
                return None
            tables[name] = table
        leaked = tables[LEAKED]
        seeds = self._training.seeds
        variants = {name: seed_scores(table, seeds) for name, table in tables.items()}
        covered = leaked["covered"].to_numpy(zero_copy_only=False)
        return ScoredDay(leaked, variants, covered)

    def _day_digests(self, day: date) -> list[str]:
        name = self._scenario.name
        partitions = [Partition(table, name, day) for table in ("impressions", "history")]
        partitions.append(starting_ranker_partition(self._scenario, day))
        return [self._digest(partition) for partition in partitions]

    def _name(self, leak: Leak, variant: str) -> str:
        return variant_name(leak, self._training.mode, variant)

    def _digest(self, partition: Partition) -> str:
        if partition not in self._digests:
            name, mode = self._scenario.name, self._training.mode
            way_out = f"run python -m jobs lis --scenario {name} --mode {mode}"
            self._digests[partition] = self._lake.require(partition, way_out).digest
        return self._digests[partition]
