"""The item-ID embedding of the ranker ``horizon`` days later.

Source: arXiv 2508.04963, which replaces the item-ID embedding of M_T by that of M_{T+n}. It is an
upper bound of what any content encoder aligned to this ranker's item space could bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from jobs.lake import Lake, Partition
from jobs.preference.kind import Mode
from jobs.scenarios import Scenario


@dataclass(frozen=True)
class IdEmbedding:
    """See ``PreferenceKind``."""

    name: str = "id_embedding"
    keyed_by: Literal["item"] = "item"
    modes: tuple[Mode, ...] = ("swap",)
    summary: str = "the item-ID embedding that the ranker will have n days later"

    def assemble(
        self, lake: Lake, scenario: Scenario, as_ofs: Sequence[date], horizons: Sequence[int]
    ) -> list[Partition]:
        """Cut the snapshots of M_T and M_{T+n} to the items that day T names."""
        from jobs.spark.features import assemble_item_tables

        return assemble_item_tables(lake, scenario, self.name, as_ofs, horizons)

    def table(self, scenario: Scenario, as_of: date, horizon: int) -> Partition:
        """One row an item: ``item_id``, ``embedding``, ``updates``, ``last_update``."""
        keys = (("preference", self.name), ("horizon", str(horizon)))
        return Partition("features", scenario.name, as_of, keys)
