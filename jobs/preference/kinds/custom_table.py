"""Preference data of a user's own that needs no code: a Parquet table named in the scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.scenarios import EvalRowsSeen, Mode, PreferenceTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lake import Lake
    from jobs.preference.behaviour import Behaviour, TableWindow
    from jobs.scenarios import Scenario


@dataclass(frozen=True)
class OwnTable:
    """See ``PreferenceKind``. Of an item it says what the newest row says that was available."""

    table: PreferenceTable
    keyed_by: Literal["item"] = "item"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def summary(self) -> str:
        what = "lists of items" if self.table.vector is None else "vectors"
        return f"{what} from {self.table.path}"

    @property
    def takes(self) -> Literal["vector", "items"]:
        return "items" if self.table.vector is None else "vector"

    @property
    def eval_rows_seen(self) -> EvalRowsSeen:
        return self.table.eval_rows_seen

    def build(self, behaviour: Behaviour) -> DataFrame:
        from jobs.preference.kinds.custom_table_spark import available_rows

        return available_rows(behaviour, self.table)

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        from jobs.preference.kinds.custom_table_spark import table_inputs

        return table_inputs(scenario, self.table, windows)
