"""Where a feed's log comes from, and which of its columns hold what."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jobs.scenarios.base import Frozen

IdType = Literal["string", "int64"]
Column = str | int


class LabelRule(Frozen):
    """How the label column becomes 0 or 1. At most one rule; without one it must hold 0 or 1."""

    at_least: float | None = Field(None, description="label 1 where the value is this or more")
    equals: str | float | None = Field(None, description="label 1 where the value equals this")

    @model_validator(mode="after")
    def _one_rule(self) -> LabelRule:
        if self.at_least is not None and self.equals is not None:
            raise ValueError("takes at_least or equals, not both")
        return self


class CsvFormat(Frozen):
    """A delimited text file, gzip allowed."""

    kind: Literal["csv"] = "csv"
    delimiter: str = Field(",", min_length=1, description="may be several characters")
    header: bool = Field(True, description="without one, columns are named by position from 0")


class ParquetFormat(Frozen):
    """Parquet files or folders of them."""

    kind: Literal["parquet"] = "parquet"


class ImpressionColumns(Frozen):
    """Which columns of the log hold what. Names, or positions from 0 in a CSV without header."""

    user_id: Column
    item_id: Column
    ts: Column
    label: Column
    impression_id: Column | None = Field(
        None, description="without one, it is derived from user, item and ts"
    )
    context: dict[str, Column] = Field(
        default_factory=dict, description="context field -> column; read as strings"
    )


class ItemColumns(Frozen):
    """Which columns of the item file hold what, and where the file lies below the raw path."""

    path: str
    item_id: Column
    title: Column | None = None
    category: Column | None = None
    text: Column | None = None
    vector: Column | None = Field(None, description="a list of numbers (Parquet only)")


class TableSource(Frozen):
    """A log in Parquet or CSV, on a local path or in object storage. Needs no code."""

    reader: Literal["table"] = "table"
    path: str = Field(
        "", description="below the raw path; '{ds}' stands for the day of a partitioned log"
    )
    format: Annotated[CsvFormat | ParquetFormat, Field(discriminator="kind")] = ParquetFormat()
    columns: ImpressionColumns
    ids: IdType = "string"
    ts_unit: Literal["s", "ms", "us", "timestamp"] = Field(
        "timestamp", description="unit of a numeric ts; 'timestamp' for dates and ISO text (UTC)"
    )
    label: LabelRule = LabelRule()
    items: ItemColumns | None = None
    raw: str | None = Field(
        None, description="path or URI of the log; $VARIABLES are expanded (default: data/raw/NAME)"
    )


class SimulatedSource(Frozen):
    """The embedded feed simulator, with its options. See ``jobs.sources.simulator``."""

    reader: Literal["simulated"] = "simulated"
    options: dict[str, Any] = Field(
        default_factory=dict, description="checked by jobs.sources.simulator.SimulatorOptions"
    )
    raw: str | None = Field(None, description="where simulated days are kept")
