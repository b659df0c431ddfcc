"""The heads of an evaluation, each made once, from vectors that are older than what is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from jobs.ais.heads import HEADS
from jobs.ais.terms import HeadName
from jobs.alignment.vectors import read_vectors
from jobs.common.code_digest import code_digest
from jobs.evaluation.scored_day import LEAKED
from jobs.lake import Lake, Partition
from jobs.lake.addresses import VectorState, curated_partition
from jobs.lis.feature_source import Head
from jobs.ranker.towers.row_features import FeatureTable, row_feature
from jobs.scenarios import Scenario


class FittedHeads:
    """A head for each kind of preference data and family of vectors.

    A family is vectors that are compared with each other: the aligned ones and the shuffled, those
    before alignment, or preference data at any date and shuffled. What a head is fitted to, such as
    codes, are the vectors of the family of those items that the encoder was aligned on. They were
    there before the day of the alignment, and do not depend on which days are scored.
    """

    def __init__(self, lake: Lake, scenario: Scenario, aligned_at: date, name: HeadName) -> None:
        """Start without any head.

        Args:
            lake: Where vectors and curated items are read.
            scenario: The scenario, whose encoder counts.
            aligned_at: Day of the encoders.
            name: The head.
        """
        self.name = name
        self._lake, self._scenario, self._aligned_at = lake, scenario, aligned_at
        self._heads: dict[tuple[str, str], Head] = {}

    @property
    def is_raw(self) -> bool:
        return self.name == HeadName.RAW

    @property
    def identity(self) -> Sequence[object]:
        """What scores depend on besides data and the code of modes."""
        return (self.name.value, code_digest("jobs.ais.aligned_features"))

    def partitions(self, preference: str) -> list[Partition]:
        """Tables that heads are fitted to, besides vectors, which follow from their encoder."""
        return [] if self.is_raw else [self._curated(preference)]

    def of_vectors(self, preference: str, state: VectorState) -> Head:
        """The head of an encoder's vectors, or of those before alignment.

        Args:
            preference: Name of the kind that the encoder was aligned on.
            state: Aligned, or as before.
        """

        def table() -> FeatureTable:
            items = self._lake.read(self._curated(preference), ["item_id"])["item_id"]
            found = read_vectors(
                self._lake,
                self._scenario,
                preference,
                self._aligned_at,
                state,
                self._aligned_at,
                items,
            )
            return FeatureTable.from_arrow(found, "item", in_slot=False)

        return self._head(preference, state, table)

    def of_preference(self, preference: str, data: FeatureTable) -> Head:
        """The head of preference data.

        Lists, and what is keyed by anything but items, are read in the only way that there is.

        Args:
            preference: Name of the kind.
            data: A table of it, which tells whether it has vectors of items.
        """
        if data.vectors is None or data.keyed_by != "item":
            return row_feature

        def table() -> FeatureTable:
            curated = self._lake.read(self._curated(preference), ["item_id", "target"])
            renamed = curated.rename_columns(["item_id", "embedding"])
            return FeatureTable.from_arrow(renamed, "item", in_slot=False)

        return self._head(preference, LEAKED, table)

    def _head(self, preference: str, family: str, table: Callable[[], FeatureTable]) -> Head:
        key = (preference, family)
        if key not in self._heads:
            self._heads[key] = row_feature if self.is_raw else HEADS[self.name](table())
        return self._heads[key]

    def _curated(self, preference: str) -> Partition:
        return curated_partition(self._scenario, preference, self._aligned_at)
