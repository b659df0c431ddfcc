"""The features of an AIS: aligned vectors, the leaked tables, content alone and a placebo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.ais.fitted_heads import FittedHeads
from jobs.ais.terms import HeadName
from jobs.alignment.vectors import read_vectors
from jobs.evaluation.scored_day import ALIGNED, SHUFFLED, UNALIGNED
from jobs.lake import Lake, Partition
from jobs.lake.addresses import (
    VectorState,
    encoder_partition,
    encoder_version,
)
from jobs.lis.feature_source import LeakedTables
from jobs.lis.placebo_table import lineage_keys, placebo_table
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.scoring.frozen_forward import Floats
from jobs.ranker.towers.row_features import FeatureTable, RowFeature
from jobs.scenarios import ITEM, Mode, Scenario
from jobs.scenarios.hints import lis_command

if TYPE_CHECKING:
    from jobs.preference import PreferenceKind


class AlignedVectors:
    """Implements ``jobs.lis.feature_source.FeatureSource``.

    All variants have the same head, apart from leaked tables that have no vectors of items. The
    leaked tables are the bound: they are what the encoder of an ideal alignment would say.
    """

    variants = (*LeakedTables.variants, ALIGNED, UNALIGNED, SHUFFLED)
    covering = ALIGNED

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        kinds: Sequence[PreferenceKind],
        aligned_at: date,
        head: HeadName = HeadName.RAW,
    ) -> None:
        """Start without reading anything.

        Args:
            lake: Where tables are read.
            scenario: The scenario, whose encoder counts.
            kinds: The kinds of preference data that encoders were aligned on.
            aligned_at: Day of the encoders.
            head: How towers read vectors.
        """
        self._lake, self._scenario, self._aligned_at = lake, scenario, aligned_at
        self._heads = FittedHeads(lake, scenario, aligned_at, head)
        self._leaked = LeakedTables(lake, scenario, kinds, self._heads.of_preference)

    @property
    def identity(self) -> Sequence[object]:
        """What scores depend on besides data and the code of modes."""
        return self._heads.identity

    def partitions(self, day: date, leak: Leak) -> list[Partition]:
        """See ``FeatureSource``.

        The vectors of an item follow from its encoder and its content, which its day has.
        """
        encoder = encoder_partition(self._scenario, leak.preference, self._aligned_at)
        fitted_to = self._heads.partitions(leak.preference)
        return [*self._leaked.partitions(day, leak), encoder, *fitted_to]

    def features(
        self,
        ranker: Ranker,
        rows: DayRows,
        day: date,
        leaks: Sequence[Leak],
        ranker_logits: Floats,
    ) -> dict[Leak, dict[str, RowFeature]]:
        """See ``FeatureSource``."""
        features = self._leaked.features(ranker, rows, day, leaks, ranker_logits)
        # Which items the log shows on the day must not depend on the fold of the rows at hand.
        of_day = lineage_keys(self._lake, self._scenario, day, ITEM)
        items = pa.chunked_array([of_day, rows.items, rows.clicks.items]).unique()
        for name in sorted({leak.preference for leak in leaks}):
            aligned = self._table(name, VectorState.ALIGNED, day, items)
            unaligned = self._table(name, VectorState.UNALIGNED, day, items)
            shuffled = placebo_table(self._lake, self._scenario, ranker, rows, aligned, day)
            head = self._heads.of_vectors(name, VectorState.ALIGNED)
            before = self._heads.of_vectors(name, VectorState.UNALIGNED)
            added = {
                ALIGNED: head(ranker, rows, aligned, ranker_logits),
                UNALIGNED: before(ranker, rows, unaligned, ranker_logits),
                SHUFFLED: head(ranker, rows, shuffled, ranker_logits),
            }
            for leak in leaks:
                if leak.preference == name:
                    features[leak] = {**features[leak], **added}
        return features

    def name(self, leak: Leak, mode: Mode, variant: str) -> str:
        """See ``FeatureSource``."""
        encoder = f"{encoder_version(self._scenario)}-{self._aligned_at}"
        way = mode if self._heads.is_raw else f"{mode}-{self._heads.name}"
        return f"ais-{leak.preference}-{encoder}-{way}-{leak.horizon}-{variant}"

    def command(self, as_of: date, leak: Leak, mode: Mode) -> str:
        """See ``FeatureSource``."""
        return lis_command(
            "align",
            self._scenario,
            as_of=as_of,
            preference=leak.preference,
            aligned_at=self._aligned_at,
        )

    def _table(
        self, preference: str, state: VectorState, day: date, items: pa.Array
    ) -> FeatureTable:
        table = read_vectors(
            self._lake, self._scenario, preference, self._aligned_at, state, day, items
        )
        encoder = encoder_partition(self._scenario, preference, self._aligned_at)
        manifest = self._lake.require(encoder, "align it first")
        in_slot = state == VectorState.ALIGNED and bool(manifest.facts["in_slot"])
        return FeatureTable.from_arrow(table, "item", in_slot)
