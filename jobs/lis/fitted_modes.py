"""Probe and retrain mode: all that the two fitted modes share except the fitting itself.

They fit rankers to rows of the fit fold on the days before T. For a row of day d, the leaked
variant gets the feature table of day d + n, the known variant that of day d, the placebo the leaked
table shuffled, and the baseline none; all else is equal. The rankers then score day T.
"""

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
    variant_name,
)
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import LEAKED, RANKER, ScoredDay
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, Partition
from jobs.lake.addresses import feature_partition, starting_ranker_partition
from jobs.lake.manifest import digest_of
from jobs.lis.fit_features import VARIANTS, DayFeatures, RollingDays
from jobs.lis.score_leaks import InputDigests, Scoring, evaluate
from jobs.lis.simple_models import SimpleModels
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.kind import has_lookback
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.rows.read_day import day_tables
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import EvalRowsSeen, Mode, Scenario
from jobs.scenarios.hints import lis_command

_UPDATES = "item_updates"
_FORWARD = "jobs.ranker.scoring.frozen_forward"
"""The module that computes the scores of M_T itself."""
_WORST_FIRST: tuple[EvalRowsSeen, ...] = ("yes", "unknown", "no")


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
            Each leak with its click probabilities, (seeds, variants, rows), variants in the order
            of ``VARIANTS``.
        """
        ...


def score_fitted(
    lake: Lake,
    scenario: Scenario,
    mode: FittedMode,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score each day with all leaks in a fitted mode; several days are pooled too.

    Publishes ``predictions`` and ``lis``. Predictions that were made from the same inputs are read
    back, so a killed run continues where it stopped.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        mode: Probe or retrain mode.
        kinds: Kinds of preference data to leak.
        as_ofs: Days T, ascending.
        horizons: Horizons n, in days.

    Returns:
        Results of one kind after the other: single days by day and horizon, then pooled ones by
        horizon.

    Raises:
        InputError: If a table is not assembled, or the fit fold is empty before T.
    """
    window = RollingDays(lake, scenario, kinds, _side_information(scenario))
    scorer = _FittedScorer(lake, scenario, mode, window)
    scoring = Scoring(
        kinds=tuple(kinds),
        mode=mode.mode,
        input_digests=scorer.input_digests,
        score_day=scorer.score_day,
        peers=SimpleModels(lake, scenario),
        seeds=mode.seeds,
        fits=mode.fits,
        fit_days=scenario.fit.days,
        lookback_days=lambda kind: scenario.lookback_days if has_lookback(kind) else 0,
        eval_rows_seen=lambda kind: eval_rows_seen(scenario, kind),
    )
    return evaluate(lake, scenario, scoring, as_ofs, horizons)


def eval_rows_seen(scenario: Scenario, kind: PreferenceKind) -> EvalRowsSeen:
    """Whether inputs of the rankers were made from held-out rows: the worst answer of all inputs.

    Inputs are the leaked kind, side information and imported item vectors.
    """
    answers = {each.eval_rows_seen for each in (kind, *_side_information(scenario))}
    if scenario.snapshots is not None:
        answers.add(scenario.snapshots.eval_rows_seen)
    return next(answer for answer in _WORST_FIRST if answer in answers)


def _side_information(scenario: Scenario) -> list[PreferenceKind]:
    return [preference_kind(name, scenario) for name in scenario.ranker.side_information]


class _FittedScorer:
    """Fits, scores and publishes days, or reads back the predictions published already."""

    def __init__(
        self, lake: Lake, scenario: Scenario, mode: FittedMode, window: RollingDays
    ) -> None:
        self._lake, self._scenario, self._mode = lake, scenario, mode
        self._window = window
        self._digests: dict[Partition, str] = {}

    def input_digests(self, as_of: date, leak: Leak) -> InputDigests:
        """Digests of the baseline's data of day T, and of everything the rankers are fitted to."""
        scenario = self._scenario
        command = lis_command(
            "lis",
            scenario,
            as_of=as_of,
            horizons=leak.horizon,
            preference=leak.preference,
            mode=self._mode.mode,
        )
        remedy = f"run {command}"
        digests = list(self._mode.identity)
        for day in [*self._window.days(as_of), as_of]:
            digests += self._day_digests(day, remedy)
            tables = [(leak.preference, 0), (leak.preference, leak.horizon)]
            tables += [(name, 0) for name in scenario.ranker.side_information]
            for name, horizon in tables:
                partition = feature_partition(scenario, name, day, horizon)
                digests.append(self._digest(partition, remedy))
        return InputDigests(digest_of(*self._day_digests(as_of, remedy)), digest_of(*digests))

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
            variants = {name: scores[:, index] for index, name in enumerate(VARIANTS)}
            covered = eval_day.features[leak][LEAKED].covered
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
        for name in VARIANTS:
            partition = predictions_partition(self._scenario, as_of, self._name(leak, name))
            table = read_seed_scores(self._lake, partition, input_digests)
            if table is None:
                return None
            tables[name] = table
        leaked = tables[LEAKED]
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
        return variant_name(leak, self._mode.mode, variant)

    def _digest(self, partition: Partition, remedy: str) -> str:
        if partition not in self._digests:
            self._digests[partition] = self._lake.require(partition, remedy).digest
        return self._digests[partition]
