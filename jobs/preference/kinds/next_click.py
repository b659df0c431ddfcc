"""The item that the user clicks next: the worked example of arXiv 2508.04963."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.preference.behaviour import Behaviour


@dataclass(frozen=True)
class NextClick:
    """See ``PreferenceKind``."""

    name: str = "next_click"
    summary: str = "the item that the user clicks next, within n days"
    keyed_by: Literal["impression"] = "impression"
    takes: Literal["items"] = "items"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.next_click_spark import next_clicks

        return next_clicks(behaviour)
