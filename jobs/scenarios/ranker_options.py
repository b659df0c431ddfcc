"""The ranker of a feed: how it is trained, or where its item vectors come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from jobs.scenarios.base import Frozen
from jobs.scenarios.custom_code import REFERENCE, resolved
from jobs.scenarios.terms import EvalRowsSeen


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


class FitOptions(Frozen):
    """The rows that probe and retrain mode train on: the fit fold of the days before T."""

    days: int = Field(28, ge=1, le=365, description="days before T whose fit rows train")


class RetrainOptions(Frozen):
    """Retrain mode: rankers trained side by side on the fit fold, with and without the feature."""

    seeds: int = Field(3, ge=1, le=100, description="trainings that differ in the order of rows")
    epochs: int = Field(3, ge=1, description="at most; each ranker keeps its best")
    batch_size: int = Field(256, ge=1)
    rate: float = Field(0.01, gt=0, description="Adam step of the tower that takes the feature")
    hidden_units: int = Field(0, ge=0, le=1024, description="of that tower; 0 makes it linear")


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
    eval_rows_seen: EvalRowsSeen = Field(
        "unknown", description="whether the ranker has trained on held-out rows"
    )

    @model_validator(mode="after")
    def _one_day(self) -> ImportedSnapshots:
        if ("{ds}" in self.path) == (self.as_of is not None):
            raise ValueError("says which day a row is of: {ds} in path or a column as_of, not both")
        return self
