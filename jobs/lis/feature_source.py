"""What the fitted modes give to their rankers: features of the leak, or of anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from jobs.evaluation.predictions import variant_name
from jobs.evaluation.scored_day import KNOWN, LEAKED, PLACEBO
from jobs.lake import Lake, Partition
from jobs.lake.addresses import feature_partition
from jobs.lis.placebo_table import placebo_table
from jobs.preference.leak import Leak
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.scoring.frozen_forward import Floats
from jobs.ranker.towers.row_features import FeatureTable, RowFeature, row_feature
from jobs.scenarios import Mode, Scenario
from jobs.scenarios.hints import lis_command

# Code digests follow imports that run. Through the registry, the digest of a fitted mode would
# cover the code of all kinds, although scores depend on their published tables alone.
if TYPE_CHECKING:
    from jobs.preference import PreferenceKind


Head = Callable[[Ranker, DayRows, FeatureTable, Floats], RowFeature]
"""Gives the input columns of the rows of day d, as ``row_feature`` does.

Its arguments are M_d, the rows, a table of preference data, and the logits of M_d, (rows, 1).
"""


class FeatureSource(Protocol):
    """The features of the rows of a day, one for each variant of the rankers but the baseline."""

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants after the baseline, in the order in which scores are stacked."""
        ...

    @property
    def covering(self) -> str:
        """The variant whose table says which rows are covered."""
        ...

    def partitions(self, day: date, leak: Leak) -> Sequence[Partition]:
        """Tables that the features of a day are made from."""
        ...

    def features(
        self,
        ranker: Ranker,
        rows: DayRows,
        day: date,
        leaks: Sequence[Leak],
        ranker_logits: Floats,
    ) -> Mapping[Leak, Mapping[str, RowFeature]]:
        """Compute the features of the rows of a day.

        Args:
            ranker: M_d of the day.
            rows: Rows of day d.
            day: Day d.
            leaks: Leaks to score.
            ranker_logits: Logits of M_d for these rows, (rows, 1).

        Returns:
            For each leak, the feature of each variant.
        """
        ...

    def name(self, leak: Leak, mode: Mode, variant: str) -> str:
        """Name of the partition of a variant's predictions."""
        ...

    def command(self, as_of: date, leak: Leak, mode: Mode) -> str:
        """The command that makes what the features of a day need."""
        ...


class LeakedTables:
    """The tables of preference data: as available on the day, n days later, and shuffled."""

    variants = (KNOWN, LEAKED, PLACEBO)
    covering = LEAKED

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        kinds: Sequence[PreferenceKind],
        head_of: Callable[[str, FeatureTable], Head] = lambda _preference, _table: row_feature,
    ) -> None:
        """Start without reading anything.

        Args:
            lake: Where tables are read.
            scenario: The scenario.
            kinds: Kinds of preference data.
            head_of: For the name of a kind and a table of it, how towers read it.
        """
        self._lake, self._scenario, self._head_of = lake, scenario, head_of
        self._kinds = {kind.name: kind for kind in kinds}

    def partitions(self, day: date, leak: Leak) -> list[Partition]:
        """See ``FeatureSource``."""
        return [
            feature_partition(self._scenario, leak.preference, day, horizon)
            for horizon in (0, leak.horizon)
        ]

    def features(
        self,
        ranker: Ranker,
        rows: DayRows,
        day: date,
        leaks: Sequence[Leak],
        ranker_logits: Floats,
    ) -> dict[Leak, dict[str, RowFeature]]:
        """See ``FeatureSource``."""

        def feature(preference: str, table: FeatureTable) -> RowFeature:
            return self._head_of(preference, table)(ranker, rows, table, ranker_logits)

        known = {
            name: feature(name, self._table(name, day, 0))
            for name in sorted({leak.preference for leak in leaks})
        }
        features = {}
        for leak in leaks:
            leaked = self._table(leak.preference, day, leak.horizon)
            placebo = placebo_table(self._lake, self._scenario, ranker, rows, leaked, day)
            features[leak] = {
                KNOWN: known[leak.preference],
                LEAKED: feature(leak.preference, leaked),
                PLACEBO: feature(leak.preference, placebo),
            }
        return features

    def name(self, leak: Leak, mode: Mode, variant: str) -> str:
        """See ``FeatureSource``."""
        return variant_name(leak, mode, variant)

    def command(self, as_of: date, leak: Leak, mode: Mode) -> str:
        """See ``FeatureSource``."""
        return lis_command(
            "lis",
            self._scenario,
            as_of=as_of,
            horizons=leak.horizon,
            preference=leak.preference,
            mode=mode,
        )

    def _table(self, preference: str, day: date, horizon: int) -> FeatureTable:
        return read_feature_table(self._lake, self._scenario, self._kinds[preference], day, horizon)


def read_feature_table(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, day: date, horizon: int
) -> FeatureTable:
    """Read the table of a kind of preference data for the rows of a day."""
    partition = feature_partition(scenario, kind.name, day, horizon)
    in_slot = Mode.SWAP in kind.modes and scenario.snapshots is None
    return FeatureTable.from_arrow(lake.read(partition), kind.keyed_by, in_slot)
