"""The item-ID embedding of the ranker ``horizon`` days later.

Source: arXiv 2508.04963, which replaces the item-ID embedding of M_T by that of M_{T+n}. It is an
upper bound of what any content encoder aligned to this ranker's item space could bring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.preference.kind import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lake import Lake
    from jobs.scenarios import Scenario
    from jobs.spark.behaviour import Behaviour, TableWindow


@dataclass(frozen=True)
class IdEmbedding:
    """See ``PreferenceKind``."""

    name: str = "id_embedding"
    summary: str = "the item-ID embedding that the ranker will have n days later"
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = ("swap", "retrain")
    eval_rows_seen: EvalRowsSeen = "no"

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.spark.id_embedding import item_embeddings

        return item_embeddings(behaviour)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        from jobs.spark.id_embedding import snapshot_inputs

        return snapshot_inputs(lake, scenario, windows)
