"""The item-ID embedding of the ranker ``horizon`` days later, or that of another slot.

Source: arXiv 2508.04963, which replaces the item-ID embedding of M_T by that of M_{T+n}. It is an
upper bound of what any content encoder aligned to this ranker's item space could bring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import ITEM, EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lake import Lake
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario


ID_EMBEDDING = "id_embedding"


@dataclass(frozen=True)
class IdEmbedding:
    """See ``PreferenceKind``. slot: the column whose embedding is leaked."""

    slot: str = ITEM
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.SWAP, Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"

    @property
    def name(self) -> str:
        return ID_EMBEDDING if self.slot == ITEM else f"{ID_EMBEDDING}_{self.slot}"

    @property
    def summary(self) -> str:
        what = "item-ID" if self.slot == ITEM else self.slot
        return f"the {what} embedding that the ranker will have n days later"

    @property
    def keyed_by(self) -> str:
        return "item" if self.slot == ITEM else self.slot

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.id_embedding_spark import slot_embeddings

        return slot_embeddings(behaviour, self.slot)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        from jobs.preference.kinds.id_embedding_spark import slot_inputs

        return slot_inputs(lake, scenario, windows, self.slot)
