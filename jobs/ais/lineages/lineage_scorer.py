"""Scores days by lineages with and without vectors, and publishes or reads back the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.ais.lineages.lineage_vectors import as_arrow, lineage_vectors
from jobs.ais.lineages.train_lineages import SCORED_FOLDS, require_lineage, score_lineages
from jobs.ais.terms import AisMode
from jobs.alignment.vectors import read_vectors
from jobs.common.code_digest import code_digest
from jobs.evaluation.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
)
from jobs.evaluation.scored_day import (
    ALIGNED,
    BASELINE,
    LEAKED,
    RANKER,
    SHUFFLED,
    UNALIGNED,
    ScoredDay,
)
from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, Partition
from jobs.lake.addresses import (
    VectorState,
    checkpoint_partition,
    encoder_partition,
    encoder_version,
)
from jobs.lake.manifest import digest_of
from jobs.lis.targets import InputDigests
from jobs.preference.leak import Leak
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.rows.day_rows import read_day_rows
from jobs.ranker.rows.read_day import require_day
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import ITEM, Scenario
from jobs.scenarios.hints import lis_command

VARIANTS = (BASELINE, ALIGNED, UNALIGNED, SHUFFLED)
"""No lineage is trained on leaked data: it has seen the labels of the rows that train lineages."""

CODE = ("jobs.ais.lineages.train_lineages", "jobs.ais.lineages.lineage_vectors")
"""Modules that scores depend on; their digest covers what these import."""

_UPDATES = "item_updates"
_ONE_DAY = timedelta(days=1)


class LineageScorer:
    """Trains lineages from the day of the alignment through the day before T, and scores T."""

    def __init__(self, lake: Lake, scenario: Scenario, aligned_at: date, seeds: int) -> None:
        """Start without any day.

        Args:
            lake: Where tables are read and predictions published.
            scenario: The scenario to score, whose encoder counts.
            aligned_at: Day of the encoders, and the first one to train on.
            seeds: Trainings of each lineage.

        Raises:
            InputError: If item vectors are imported, so that there is no lineage.
        """
        require_lineage(scenario)
        self._lake, self._scenario = lake, scenario
        self._aligned_at, self._seeds = aligned_at, seeds

    def days(self, as_of: date) -> list[date]:
        """The days that lineages are trained on, ascending."""
        return [self._aligned_at + n * _ONE_DAY for n in range((as_of - self._aligned_at).days)]

    def fit_days(self, as_of: date) -> int:
        """Number of days before T that lineages are trained on."""
        return len(self.days(as_of))

    def input_digests(self, as_of: date, leak: Leak) -> InputDigests:
        """Digests of the baseline's data of day T, and of everything the lineages are made from."""
        scenario = self._scenario
        digests: list[object] = [code_digest(*CODE), self._seeds]
        for day in (*self.days(as_of), as_of):
            digests += self._row_digests(day)
        digests.append(self._ranker_digest(self._aligned_at))
        encoder = encoder_partition(scenario, leak.preference, self._aligned_at)
        digests.append(self._lake.require(encoder, "align it first").digest)
        data = digest_of(*self._row_digests(as_of), self._ranker_digest(as_of))
        return InputDigests(data, digest_of(*digests))

    def score_day(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        """Score a day with each kind of preference data, or read its scores back."""
        scored = {}
        for leak in leaks:
            tables = self._stored(as_of, leak)
            if tables is None:
                self._train_and_publish(as_of, leak)
                tables = self._stored(as_of, leak)
                assert tables is not None
            scored[leak] = self._scored_day(as_of, tables)
        return scored

    def _train_and_publish(self, as_of: date, leak: Leak) -> None:
        lake, scenario = self._lake, self._scenario
        for day in (*self.days(as_of), as_of):
            require_day(lake, scenario, day)
        restore_checkpoints(lake, scenario, [self._aligned_at, as_of])
        ranker = read_checkpoint(lake, scenario, as_of)
        rows = read_day_rows(ranker, lake, scenario, as_of, SCORED_FOLDS)
        known = ranker.vocabularies[ITEM].ids
        items = pa.chunked_array([known, rows.items, rows.clicks.items]).unique()
        # An embedding table is large, and lineages need one of their own.
        del ranker
        aligned, unaligned = (
            read_vectors(lake, scenario, leak.preference, self._aligned_at, state, as_of, items)
            for state in (VectorState.ALIGNED, VectorState.UNALIGNED)
        )
        vectors = lineage_vectors(lake, scenario, aligned, unaligned, rows, self._aligned_at)
        tables = {name: as_arrow(table) for name, table in vectors.items()}
        scores = score_lineages(lake, scenario, tables, as_of, self.days(as_of), self._seeds)
        covered = vectors[ALIGNED].key_index(rows) >= 0
        published = {self._name(leak, name): (scores[name], covered) for name in VARIANTS}
        inputs = vars(self.input_digests(as_of, leak))
        publish_predictions(lake, scenario, as_of, rows.rows, rows.item_updates, published, inputs)

    def _stored(self, as_of: date, leak: Leak) -> dict[str, pa.Table] | None:
        inputs = vars(self.input_digests(as_of, leak))
        tables = {}
        for name in VARIANTS:
            partition = predictions_partition(self._scenario, as_of, self._name(leak, name))
            table = read_seed_scores(self._lake, partition, inputs)
            if table is None:
                return None
            tables[name] = table
        return tables

    def _scored_day(self, as_of: date, tables: Mapping[str, pa.Table]) -> ScoredDay:
        scores = {name: seed_scores(table, self._seeds) for name, table in tables.items()}
        rows = tables[ALIGNED]
        # The first lineage without vectors is the ranker of T, to the bit.
        own = np.broadcast_to(scores[BASELINE][:1], scores[BASELINE].shape)
        day = ScoredDay(
            rows,
            # The variant that a result without a bound is measured by: see ``without_bound``.
            {**scores, LEAKED: scores[ALIGNED], RANKER: own},
            rows["covered"].to_numpy(zero_copy_only=False),
        )
        updates: NDArray[np.int64] = rows[_UPDATES].to_numpy()
        slices = slice_values(self._lake, self._scenario, as_of, rows, updates)
        return replace(day, slices=slices)

    def _row_digests(self, day: date) -> list[str]:
        return [one.digest for one in require_day(self._lake, self._scenario, day).values()]

    def _ranker_digest(self, day: date) -> str:
        partition: Partition = checkpoint_partition(self._scenario, day)
        remedy = f"run {lis_command('train', self._scenario)}"
        return self._lake.require(partition, remedy).digest

    def _name(self, leak: Leak, variant: str) -> str:
        encoder = f"{encoder_version(self._scenario)}-{self._aligned_at}"
        return f"ais-{leak.preference}-{encoder}-{AisMode.LINEAGE}-{variant}"
