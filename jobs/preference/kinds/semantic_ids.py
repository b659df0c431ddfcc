"""Semantic ids: the item-ID embedding, n days later, as a few discrete codes.

What is lost against ``id_embedding`` is what a team would lose that gives its ranker codes of an
aligned model in place of the model's vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lake import Lake
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario


@dataclass(frozen=True)
class SemanticIds:
    """See ``PreferenceKind``. levels: codes of an item. codes: different codes of a level."""

    name: str = "semantic_ids"
    summary: str = "the codes of the item-ID embedding that the ranker will have n days later"
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.SWAP, Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    levels: int = 3
    codes: int = 64

    def build(self, behaviour: Behaviour) -> DataFrame:
        """Beside the columns of the contract: ``codes``, array of int, one a level."""
        from jobs.preference.kinds.semantic_ids_spark import SemanticOptions, semantic_ids

        return semantic_ids(behaviour, SemanticOptions(self.levels, self.codes))

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        from jobs.preference.kinds.id_embedding_spark import slot_inputs

        return slot_inputs(lake, scenario, windows)
