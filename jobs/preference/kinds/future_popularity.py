"""How popular each item is in the look-back window that ends n days later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.preference.behaviour import Behaviour


@dataclass(frozen=True)
class FuturePopularity:
    """See ``PreferenceKind``. prior_rows: rows of the mean that smooth an item's click rate."""

    name: str = "future_popularity"
    summary: str = "clicks, impressions and click rate of the item up to n days later"
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    prior_rows: float = 20.0

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.future_popularity_spark import item_popularity

        return item_popularity(behaviour, self.prior_rows)
