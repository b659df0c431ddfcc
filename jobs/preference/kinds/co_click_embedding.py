"""Item vectors from the clicks that users share, up to n days later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.preference.behaviour import Behaviour


@dataclass(frozen=True)
class CoClickEmbedding:
    """See ``PreferenceKind``. clicks_a_user: newest clicks of a user that count."""

    name: str = "co_click_embedding"
    summary: str = "vectors of items from co-clicks up to n days later (PPMI and SVD)"
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    dim: int = 16
    clicks_a_user: int = 50

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.co_click_embedding_spark import co_click_embeddings

        return co_click_embeddings(behaviour, self.dim, self.clicks_a_user)
