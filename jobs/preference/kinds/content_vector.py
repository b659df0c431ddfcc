"""What items are made of: a vector that knows no behaviour, and no more n days later.

Its leak brings nothing by construction; in retrain mode ``unleaked_gain`` is what content is worth
to this ranker as it is.
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
class ContentVector:
    """See ``PreferenceKind``. dim: of hashed words, where items have no vectors."""

    name: str = "content_vector"
    summary: str = "the items' own vectors, or their hashed words; the same at T and n days later"
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    dim: int = 32

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.content_vector_spark import content_vectors

        return content_vectors(behaviour, self.dim)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        from jobs.preference.kinds.content_vector_spark import content_inputs

        return content_inputs(lake, scenario, windows)
