"""Swap mode: M_T scores day T with its own item table and with the table of each M_{T+n}.

Source: arXiv 2508.04963; nothing is trained. The headline figure is measured on held-out rows: the
later ranker has been trained on the other rows of T and remembers their labels, which is reported
as ``memorisation``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.common.code_digest import code_digest
from jobs.evaluation.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
    variant_name,
)
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import BASELINE, LEAKED, RANKER, ScoredDay
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import checkpoint_partition, feature_partition
from jobs.lake.manifest import digest_of
from jobs.lis.score_leaks import evaluate
from jobs.lis.simple_models import SimpleModels
from jobs.lis.targets import InputDigests, Scoring
from jobs.preference import PreferenceKind
from jobs.preference.leak import Leak
from jobs.ranker.rows.read_day import require_day
from jobs.ranker.scoring.score_day import DayScores, SlotTable, score_day
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import Mode, Scenario
from jobs.scenarios.hints import lis_command

_UPDATES = "item_updates"
_SCORING = "jobs.ranker.scoring.score_day"
"""The module that turns tables into scores; stored results become stale when its code changes."""


def score_swap(
    lake: Lake,
    scenario: Scenario,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score days with all leaks, in one pass over each day's rows; several days are pooled too.

    Publishes ``predictions`` and ``lis``. Results and predictions whose inputs have not
    changed are read back.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        kinds: Kinds of preference data to leak, all with vectors of an embedding slot.
        as_ofs: Days T, ascending.
        horizons: Horizons n, in days.

    Returns:
        Results of one kind after the other: single days by day and horizon, then pooled ones by
        horizon.

    Raises:
        InputError: If a table to leak is not assembled, or the lineage does not reach T.
    """
    return evaluate(lake, scenario, swap_scoring(lake, scenario, kinds), as_ofs, horizons)


def swap_scoring(lake: Lake, scenario: Scenario, kinds: Sequence[PreferenceKind]) -> Scoring:
    """Return how swap mode scores some kinds. Nothing is read yet."""
    scorer = _SwapScorer(lake, scenario, kinds)
    return Scoring(
        kinds=tuple(kinds),
        mode=Mode.SWAP,
        input_digests=scorer.input_digests,
        score_day=scorer.score_day,
        peers=SimpleModels(lake, scenario),
    )


class _SwapScorer:
    """Scores and publishes days, or reads back the predictions published already."""

    def __init__(self, lake: Lake, scenario: Scenario, kinds: Sequence[PreferenceKind]) -> None:
        self._lake, self._scenario = lake, scenario
        self._kinds = {kind.name: kind for kind in kinds}
        self._data_digests: dict[date, str] = {}

    def input_digests(self, day: date, leak: Leak) -> InputDigests:
        """Digests of the baseline's data of a day, and of the leaked table."""
        command = lis_command(
            "lis",
            self._scenario,
            as_of=day,
            horizons=leak.horizon,
            preference=leak.preference,
            mode=Mode.SWAP,
        )
        table = self._lake.require(self._table(day, leak), f"run {command}")
        return InputDigests(self._data(day), digest_of(table.digest, code_digest(_SCORING)))

    def score_day(self, day: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        """Return the scores of a day with all leaks, and publish those that are missing."""
        stored = {leak: self._stored(day, leak) for leak in leaks}
        scored_days = {leak: one for leak, one in stored.items() if one is not None}
        by_slot: dict[str, dict[Leak, SlotTable]] = {}
        for leak in leaks:
            if leak not in scored_days:
                slot, table = self._slot_table(day, leak)
                by_slot.setdefault(slot, {})[leak] = table
        if by_slot:
            restore_checkpoints(self._lake, self._scenario, [day])
        # Compressing a million scores takes as long as computing slices, so both run at once.
        with ThreadPoolExecutor(1, "publish") as thread:
            publishing = []
            for slot, tables in by_slot.items():
                scores = score_day(self._lake, self._scenario, day, _by_name(tables), slot=slot)
                publishing.append(thread.submit(self._publish, day, scores, list(tables)))
                scored_days |= _scored_days(scores, tables)
            # All leaks have the same rows.
            rows = scored_days[leaks[0]].rows
            updates = rows[_UPDATES].to_numpy()
            slices = slice_values(self._lake, self._scenario, day, rows, updates)
            for published in publishing:
                published.result()
        return {leak: replace(one, slices=slices) for leak, one in scored_days.items()}

    def _publish(self, day: date, scores: DayScores, leaks: Sequence[Leak]) -> None:
        of_leaks = {_name(leak, LEAKED): vars(self.input_digests(day, leak)) for leak in leaks}
        # The baseline comes first, so that each leak's scores have those of it beside them.
        for name, inputs in {BASELINE: self._baseline_inputs(day), **of_leaks}.items():
            manifest = self._lake.manifest(predictions_partition(self._scenario, day, name))
            if manifest is not None and manifest.inputs == inputs:
                continue
            published = {name: (scores.scores[name][None], scores.covered[name])}
            rows, updates = scores.rows, scores.item_updates
            publish_predictions(self._lake, self._scenario, day, rows, updates, published, inputs)

    def _stored(self, day: date, leak: Leak) -> ScoredDay | None:
        tables = {}
        inputs = {
            BASELINE: self._baseline_inputs(day),
            LEAKED: vars(self.input_digests(day, leak)),
        }
        for variant, digests in inputs.items():
            partition = predictions_partition(self._scenario, day, _name(leak, variant))
            table = read_seed_scores(self._lake, partition, digests)
            if table is None:
                return None
            tables[variant] = table
        leaked = tables[LEAKED]
        baseline, treatment = (seed_scores(table, 1) for table in tables.values())
        covered = leaked["covered"].to_numpy(zero_copy_only=False)
        return _scored_day(leaked, baseline, treatment, covered)

    def _slot_table(self, day: date, leak: Leak) -> tuple[str, SlotTable]:
        keyed_by = self._kinds[leak.preference].keyed_by
        # Vectors are stored as lists of any length; a slot's table needs one fixed length.
        dim = self._scenario.ranker.embedding_dim
        contract = schemas.features(self._scenario, keyed_by, dim=dim)
        stored = self._lake.read(self._table(day, leak)).select(contract.names).cast(contract)
        slot = schemas.key_column(keyed_by)
        return slot, SlotTable.from_arrow(stored, slot)

    def _table(self, day: date, leak: Leak) -> Partition:
        return feature_partition(self._scenario, leak.preference, day, leak.horizon)

    def _baseline_inputs(self, day: date) -> Mapping[str, str]:
        return {"data": self._data(day), "code": code_digest(_SCORING)}

    def _data(self, day: date) -> str:
        if day not in self._data_digests:
            manifests = require_day(self._lake, self._scenario, day)
            checkpoint = self._lake.require(
                checkpoint_partition(self._scenario, day),
                f"run {lis_command('train', self._scenario)}",
            )
            digests = [manifest.digest for manifest in [*manifests.values(), checkpoint]]
            self._data_digests[day] = digest_of(*digests)
        return self._data_digests[day]


def _name(leak: Leak, variant: str) -> str:
    return variant_name(leak, Mode.SWAP, variant)


def _by_name(tables: Mapping[Leak, SlotTable]) -> dict[str, SlotTable]:
    return {_name(leak, LEAKED): table for leak, table in tables.items()}


def _scored_days(scores: DayScores, leaks: Iterable[Leak]) -> dict[Leak, ScoredDay]:
    rows = scores.rows.append_column(_UPDATES, pa.array(scores.item_updates))
    baseline = scores.scores[BASELINE][None]
    return {
        leak: _scored_day(rows, baseline, scores.scores[name][None], scores.covered[name])
        for leak in leaks
        for name in [_name(leak, LEAKED)]
    }


def _scored_day(
    rows: pa.Table,
    baseline: NDArray[np.float64],
    leaked: NDArray[np.float64],
    covered: NDArray[np.bool_],
) -> ScoredDay:
    # Nothing is trained, so the baseline is the ranker itself.
    return ScoredDay(rows, {BASELINE: baseline, RANKER: baseline, LEAKED: leaked}, covered)
