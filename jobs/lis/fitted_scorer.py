"""Fits rankers with and without features, scores day T, and publishes or reads back the scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.common.code_digest import code_digest
from jobs.common.errors import InputError
from jobs.evaluation.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
)
from jobs.evaluation.scored_day import BASELINE, RANKER, ScoredDay
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, Partition
from jobs.lake.addresses import feature_partition, starting_ranker_partition
from jobs.lake.manifest import digest_of
from jobs.lis.feature_source import FeatureSource
from jobs.lis.fit_features import DayFeatures, RollingDays
from jobs.lis.targets import InputDigests
from jobs.preference import PreferenceKind
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.rows.read_day import day_tables
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import Mode, Scenario
from jobs.scenarios.hints import lis_command

_UPDATES = "item_updates"
_FORWARD = "jobs.ranker.scoring.frozen_forward"
"""The module that computes the scores of M_T itself."""


class FittedMode(Protocol):
    """How a mode fits rankers."""

    @property
    def mode(self) -> Mode: ...

    @property
    def identity(self) -> Sequence[object]:
        """Options and digest of the code that its scores depend on, besides data."""
        ...

    @property
    def seeds(self) -> int:
        """Number of rankers per variant."""
        ...

    @property
    def fits(self) -> int:
        """Groups of fit users, of which ranker s leaves out group s modulo their number.

        0 where no group is left out, so that intervals do not cover which users were fitted to.
        """
        ...

    def scores(
        self,
        as_of: date,
        fit: Sequence[DayFeatures],
        eval_day: DayFeatures,
        ranker: Ranker,
        leaks: Sequence[Leak],
    ) -> Iterator[tuple[Leak, NDArray[np.float64]]]:
        """Fit rankers and score day T.

        Args:
            as_of: Day T.
            fit: Rows to fit to, by day, oldest first.
            eval_day: Rows of T to score.
            ranker: M_T.
            leaks: Leaks to score.

        Yields:
            Each leak with its click probabilities, (seeds, variants, rows), the baseline
            first, then the variants in the order of ``eval_day.features``.
        """
        ...


class FittedScorer:
    """Fits, scores and publishes days, or reads back the predictions published already."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        mode: FittedMode,
        source: FeatureSource,
        side_information: Sequence[PreferenceKind],
        first_day: date = date.min,
        identity: Sequence[object] = (),
    ) -> None:
        """Start without any day.

        Args:
            lake: Where tables are read and predictions published.
            scenario: The scenario to score.
            mode: How rankers are fitted.
            source: The features that the variants differ in.
            side_information: Kinds of preference data that every variant gets.
            first_day: Rows of earlier days are not fitted to.
            identity: Options and digests of code that scores depend on, besides those of the mode.
        """
        self._lake, self._scenario, self._mode, self._source = lake, scenario, mode, source
        self._identity = (*mode.identity, *identity)
        self._window = RollingDays(lake, scenario, source, side_information, first_day)
        self._digests: dict[Partition, str] = {}

    def input_digests(self, as_of: date, leak: Leak) -> InputDigests:
        """Digests of the baseline's data of day T, and of everything the rankers are fitted to."""
        scenario = self._scenario
        remedy = f"run {self._source.command(as_of, leak, self._mode.mode)}"
        digests = list(self._identity)
        for day in [*self._window.days(as_of), as_of]:
            digests += self._day_digests(day, remedy)
            partitions = list(self._source.partitions(day, leak))
            partitions += [
                feature_partition(scenario, name, day, 0)
                for name in scenario.ranker.side_information
            ]
            digests += [self._digest(partition, remedy) for partition in partitions]
        return InputDigests(digest_of(*self._day_digests(as_of, remedy)), digest_of(*digests))

    def fit_days(self, as_of: date) -> int:
        """Number of days before T whose rows are fitted to."""
        return len(self._window.days(as_of))

    def score_day(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        stored = {leak: self._stored(as_of, leak) for leak in leaks}
        scored_days = {leak: day for leak, day in stored.items() if day is not None}
        missing = [leak for leak in leaks if leak not in scored_days]
        if missing:
            scored_days |= self._fit_and_score(as_of, missing)
        # All leaks have the same rows.
        rows = scored_days[leaks[0]].rows
        updates = rows[_UPDATES].to_numpy()
        slices = slice_values(self._lake, self._scenario, as_of, rows, updates)
        return {leak: replace(day, slices=slices) for leak, day in scored_days.items()}

    def _fit_and_score(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        restore_checkpoints(self._lake, self._scenario, [*self._window.days(as_of), as_of])
        fit = self._window.fit(as_of, leaks)
        if not sum(len(day.rows) for day in fit):
            raise InputError(
                f"as of {as_of}: no row of the fit fold in the {len(fit)} days before: increase "
                "fit.days or folds.fit in the scenario"
            )
        eval_day, ranker = self._window.eval_day(as_of, leaks)
        rows = eval_day.rows
        own = eval_day.frozen.logits.double().sigmoid()[None].cpu().numpy()
        if self._stored_ranker(as_of) is None:
            known = rows.item_updates > 0
            self._publish(as_of, rows, {RANKER: (own, known)}, self._ranker_inputs(as_of))
        with_updates = rows.rows.append_column(_UPDATES, pa.array(rows.item_updates))
        scored_days = {}
        for leak, scores in self._mode.scores(as_of, fit, eval_day, ranker, leaks):
            variants = {
                name: scores[:, index]
                for index, name in enumerate((BASELINE, *self._source.variants))
            }
            covered = eval_day.features[leak][self._source.covering].covered
            published = {
                self._name(leak, name): (values, covered) for name, values in variants.items()
            }
            self._publish(as_of, rows, published, vars(self.input_digests(as_of, leak)))
            scored_days[leak] = self._scored_day(with_updates, variants, own, covered)
        return scored_days

    def _publish(
        self,
        as_of: date,
        rows: DayRows,
        scores: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
        inputs: Mapping[str, str],
    ) -> None:
        updates = rows.item_updates
        publish_predictions(self._lake, self._scenario, as_of, rows.rows, updates, scores, inputs)

    def _scored_day(
        self,
        rows: pa.Table,
        variants: Mapping[str, NDArray[np.float64]],
        own: NDArray[np.float64],
        covered: NDArray[np.bool_],
    ) -> ScoredDay:
        """The variants of a leak beside the scores of M_T itself, (1, rows)."""
        repeated = np.broadcast_to(own, (self._mode.seeds, rows.num_rows))
        return ScoredDay(rows, {**variants, RANKER: repeated}, covered, fits=self._mode.fits)

    def _stored(self, as_of: date, leak: Leak) -> ScoredDay | None:
        input_digests = vars(self.input_digests(as_of, leak))
        of_ranker = self._stored_ranker(as_of)
        if of_ranker is None:
            return None
        tables = {}
        for name in (BASELINE, *self._source.variants):
            partition = predictions_partition(self._scenario, as_of, self._name(leak, name))
            table = read_seed_scores(self._lake, partition, input_digests)
            if table is None:
                return None
            tables[name] = table
        leaked = tables[self._source.covering]
        seeds = self._mode.seeds
        variants = {name: seed_scores(table, seeds) for name, table in tables.items()}
        covered = leaked["covered"].to_numpy(zero_copy_only=False)
        return self._scored_day(leaked, variants, seed_scores(of_ranker, 1), covered)

    def _stored_ranker(self, as_of: date) -> pa.Table | None:
        partition = predictions_partition(self._scenario, as_of, RANKER)
        return read_seed_scores(self._lake, partition, self._ranker_inputs(as_of))

    def _ranker_inputs(self, as_of: date) -> Mapping[str, str]:
        """Digests of what the scores of M_T itself are made from, the same in all fitted modes."""
        remedy = f"run {lis_command('train', self._scenario)}"
        return {"data": digest_of(*self._day_digests(as_of, remedy)), "code": code_digest(_FORWARD)}

    def _day_digests(self, day: date, remedy: str) -> list[str]:
        name = self._scenario.name
        partitions = [Partition(table, name, day) for table in day_tables(self._scenario)]
        partitions.append(starting_ranker_partition(self._scenario, day))
        return [self._digest(partition, remedy) for partition in partitions]

    def _name(self, leak: Leak, variant: str) -> str:
        return self._source.name(leak, self._mode.mode, variant)

    def _digest(self, partition: Partition, remedy: str) -> str:
        if partition not in self._digests:
            self._digests[partition] = self._lake.require(partition, remedy).digest
        return self._digests[partition]
