"""What can be said of a feed: its log, its ranker, and how its LIS is computed.

Everything is frozen and typed. Unknown keys are refused on reading, so a misspelt option can
never be silently ignored.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from jobs.scenarios.own_code import REFERENCE, resolved

IdType = Literal["string", "int64"]
Column = str | int


class Frozen(BaseModel):
    """Base of every config: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """The embedded feed simulator, with its options. See ``jobs.datasets.simulator``."""

    reader: Literal["simulated"] = "simulated"
    options: dict[str, Any] = Field(
        default_factory=dict, description="checked by jobs.datasets.simulator.SimulatorOptions"
    )
    raw: str | None = Field(None, description="where simulated days are kept")


class FoldShares(Frozen):
    """Shares of the three folds, by a stable hash of the impression id. They never change."""

    lineage: float = Field(0.8, gt=0, lt=1, description="trains the daily lineage")
    fit: float = Field(0.1, ge=0, lt=1, description="trains retrain- and probe-mode rankers")
    eval: float = Field(0.1, gt=0, lt=1, description="never trains anything; LIS is read here")

    @model_validator(mode="after")
    def _sum_to_one(self) -> FoldShares:
        total = self.lineage + self.fit + self.eval
        if abs(total - 1) > 1e-9:
            raise ValueError(f"lineage + fit + eval must be 1, not {total:g}")
        return self


class RankerOptions(Frozen):
    """The DCNv2-style ranker and how a day trains it."""

    embedding_dim: int = Field(16, ge=1, le=512)
    cross_layers: int = Field(3, ge=0, le=8)
    hidden_units: tuple[int, ...] = (256, 128)
    history_length: int = Field(20, ge=0, le=200, description="last clicks fed to the ranker")
    history_pooling: Literal["mean", "attention"] = "mean"
    batch_size: int = Field(4096, ge=1)
    epochs: int = Field(1, ge=1, description="passes over a day's rows")
    embedding_rate: float = Field(0.05, gt=0, description="row-wise Adagrad step")
    dense_rate: float = Field(0.001, gt=0, description="Adam step of the dense part")
    weight_decay: float = Field(0.0, ge=0, description="of the dense part")
    embedding_decay: float = Field(0.0, ge=0, description="L2 on touched rows")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0
    side_information: tuple[str, ...] = Field(
        (),
        description="preference data, as known at T, that the ranker has already: in retrain mode "
        "every ranker reads it, the baseline too",
    )
    network: str | None = Field(
        None,
        pattern=REFERENCE,
        description="a network of your own: path.py:Class or module:Class (default: DCNv2)",
    )

    @field_validator("network")
    @classmethod
    def _beside_the_scenario(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value and resolved(value, (info.context or {}).get("folder"))


class RetrainOptions(Frozen):
    """Retrain mode: rankers trained side by side on the fit fold, with and without the feature."""

    fit_days: int = Field(28, ge=1, le=365, description="days before T whose fit rows train")
    seeds: int = Field(3, ge=1, le=100, description="trainings that differ in the order of rows")
    epochs: int = Field(3, ge=1, description="at most; each ranker keeps its best")
    batch_size: int = Field(256, ge=1)
    rate: float = Field(0.01, gt=0, description="Adam step of the tower that takes the feature")
    hidden_units: int = Field(0, ge=0, le=1024, description="of that tower; 0 makes it linear")


class PreferenceTable(Frozen):
    """A user's own preference data as Parquet: a vector, or a list of item ids, for each item.

    Each row counts from its ``available_at`` on; of several rows of an item, the latest counts.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    path: str = Field(
        description="file or folder, relative to the scenario's file; $VARIABLES are expanded"
    )
    item_id: str = "item_id"
    vector: str | None = Field(None, description="column with a list of numbers")
    items: str | None = Field(None, description="column with a list of item ids")
    available_at: str = Field("available_at", description="column with the moment it was known")
    eval_rows_seen: Literal["unknown", "yes", "no"] = Field(
        "unknown", description="whether labels of held-out rows went into it"
    )

    @field_validator("path")
    @classmethod
    def _beside_the_scenario(cls, value: str, info: ValidationInfo) -> str:
        beside = Path((info.context or {}).get("folder") or ".") / value
        return str(beside.resolve()) if beside.exists() else value

    @model_validator(mode="after")
    def _one_value(self) -> PreferenceTable:
        if (self.vector is None) == (self.items is None):
            raise ValueError("names the column of its values: vector or items, one of the two")
        return self


def _own_reference(value: str, info: ValidationInfo) -> str:
    return resolved(value, (info.context or {}).get("folder"))


OwnPreference = Annotated[
    Annotated[str, Field(pattern=REFERENCE), AfterValidator(_own_reference), Tag("code")]
    | Annotated[PreferenceTable, Tag("table")],
    Discriminator(lambda value: "code" if isinstance(value, str) else "table"),
]


class ImportedSnapshots(Frozen):
    """Item tables that a user's own ranker has exported, one a day, in place of the lineage's.

    The table of day D is that of the ranker as of the start of D: it saw no event of D or later.
    """

    path: str = Field(
        description="Parquet file or folder; '{ds}' stands for the day; $VARIABLES are expanded"
    )
    item_id: str = "item_id"
    vector: str = Field("embedding", description="column with a list of numbers")
    updates: str | None = Field(None, description="column with how often an item was trained")
    as_of: str | None = Field(None, description="column with the day D, where the path has no {ds}")
    eval_rows_seen: Literal["unknown", "yes", "no"] = Field(
        "unknown", description="whether the ranker has trained on held-out rows"
    )

    @model_validator(mode="after")
    def _one_day(self) -> ImportedSnapshots:
        if ("{ds}" in self.path) == (self.as_of is not None):
            raise ValueError("says which day a row is of: {ds} in path or a column as_of, not both")
        return self


class Schedule(Frozen):
    """When Airflow runs the scenario. The day that a run scores is its data interval's start."""

    cron: str | None = Field("0 2 * * *", description="UTC; null = by hand only")
    start: date = Field(date(2026, 1, 1), description="first day that a backfill may ask for")


class Scenario(Frozen):
    """One feed with one production ranker: its log, folds, ranker, horizons and schedule."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = ""
    source: Annotated[TableSource | SimulatedSource, Field(discriminator="reader")]
    context: tuple[str, ...] = Field(
        (), description="context fields of the ranker; 'hour' and 'weekday' come from ts"
    )
    folds: FoldShares = FoldShares()
    history_length: int = Field(20, ge=1, le=200, description="clicks kept per impression")
    ranker: RankerOptions = RankerOptions()
    horizons: tuple[int, ...] = (7, 30)
    preferences: tuple[str, ...] = Field(("id_embedding",), min_length=1)
    modes: tuple[Literal["swap", "retrain"], ...] = Field(("swap",), min_length=1)
    own_preferences: tuple[OwnPreference, ...] = Field(
        (), description="kinds of your own: path.py:Name, module:Name, or a Parquet table"
    )
    lookback_days: int = Field(
        28, ge=1, le=730, description="days of clicks that a table of preference data is made from"
    )
    retrain: RetrainOptions = RetrainOptions()
    snapshots: ImportedSnapshots | None = Field(
        None, description="item tables exported by a ranker of your own"
    )
    threshold: float = Field(0.0010, gt=0, description="AUC gain that counts as significant")
    confidence: float = Field(0.95, gt=0.5, lt=1)
    catch_up_days: int = Field(
        45, ge=1, description="how many days before the first asked-for day a new lineage starts"
    )
    schedule: Schedule = Schedule()

    @field_validator("horizons")
    @classmethod
    def _horizons(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or min(value) < 0 or len(set(value)) != len(value):
            raise ValueError("needs distinct days of leak, each 0 or more")
        return value

    @model_validator(mode="after")
    def _context_is_mapped(self) -> Scenario:
        known = {"hour", "weekday"}
        if isinstance(self.source, TableSource):
            known |= set(self.source.columns.context)
        else:
            known |= {"device", "slot"}
        unknown = [field for field in self.context if field not in known]
        if unknown:
            raise ValueError(
                f"context field {unknown[0]!r} is not mapped; known: {', '.join(sorted(known))}"
            )
        if self.ranker.history_length > self.history_length:
            raise ValueError("ranker.history_length is more than history_length keeps")
        return self
