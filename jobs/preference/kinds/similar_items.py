"""The items that the same users click, found with behaviour up to n days later.

Source: arXiv 2508.04963, which found the five most similar items as side information negligible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.preference.behaviour import Behaviour


@dataclass(frozen=True)
class SimilarItems:
    """See ``PreferenceKind``. method: how similar items are found. top: how many of them."""

    name: str = "similar_items"
    summary: str = "the items most similar to it by co-clicks up to n days later (swing)"
    keyed_by: Literal["item"] = "item"
    takes: Literal["items"] = "items"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    method: Literal["swing", "cosine"] = "swing"
    top: int = 5

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.similar_items_spark import (
            SimilarOptions,
            similar_by_cosine,
            similar_by_swing,
        )

        similar = similar_by_swing if self.method == "swing" else similar_by_cosine
        return similar(behaviour, SimilarOptions(top=self.top))


SIMILAR_BY_SWING = SimilarItems()
SIMILAR_BY_COSINE = SimilarItems(
    name="similar_items_cosine",
    summary="the items most similar to it by co-clicks up to n days later (cosine)",
    method="cosine",
)
