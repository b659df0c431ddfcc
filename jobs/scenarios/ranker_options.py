"""Options of the ranker of a feed: how it is trained, or where its item vectors come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from jobs.scenarios.base import Frozen, without_empty
from jobs.scenarios.custom_code import REFERENCE, resolve_reference
from jobs.scenarios.terms import EvalRowsSeen


class RankerOptions(Frozen):
    """The DCNv2-style ranker and how a day trains it."""

    embedding_dim: int = Field(16, ge=1, le=512, description="length of an embedding")
    cross_layers: int = Field(3, ge=0, le=8, description="cross layers of DCNv2")
    hidden_units: tuple[int, ...] = Field(
        (256, 128), description="widths of the hidden layers of the deep part"
    )
    history_length: int = Field(20, ge=0, le=200, description="last clicks that the ranker reads")
    history_pooling: Literal["mean", "attention"] = Field(
        "mean", description="how the clicks of the history become one vector"
    )
    statistics: bool = Field(
        True,
        description="whether the ranker reads counts and click rates of items, users and context "
        "before each impression",
    )
    batch_size: int | None = Field(
        None, ge=1, description="rows of a training step; null: by the rows of the day"
    )
    epochs: int | None = Field(
        None, ge=1, description="passes over a day's rows; null: by the rows of the day"
    )
    embedding_rate: float | None = Field(
        None, gt=0, description="learning rate of row-wise Adagrad; null: by the rows of the day"
    )
    dense_rate: float | None = Field(
        None,
        gt=0,
        description="learning rate of Adam for the deep part; null: by the rows of the day",
    )
    weight_decay: float = Field(0.0, ge=0, description="weight decay of the deep part")
    embedding_decay: float | None = Field(
        None,
        ge=0,
        description="L2 penalty on the embedding rows of a training step; null: by the rows of "
        "the day",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="precision of matrix products in training; auto: bf16 where the hardware "
        "supports it",
    )
    seed: int = Field(0, description="seed of initial values and of the order of rows")
    side_information: tuple[str, ...] = Field(
        (),
        description="kinds of preference data that the ranker already uses, as available at T: "
        "in retrain mode the baseline reads them too",
    )
    dense_features: tuple[str, ...] = Field(
        (),
        description="vectors of items that the network reads as dense inputs: `vector`, which is "
        "what source.items.vector maps, and names of source.items.vectors",
    )
    network: str | None = Field(
        None,
        pattern=REFERENCE,
        description="a custom network: path.py:Class or module:Class (default: DCNv2)",
    )

    @field_validator("network")
    @classmethod
    def _beside_the_scenario(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value and resolve_reference(value, (info.context or {}).get("folder"))

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without dense features as before there were any: what digests cover stays the same."""
        return without_empty(handler(self), "dense_features")

    def check_dense_features(self, available: Sequence[str]) -> None:
        """Check that the items of the scenario come with the dense features.

        Args:
            available: Names of the vectors that they come with.

        Raises:
            ValueError: If one is not among them, or is named twice.
        """
        for position, name in enumerate(self.dense_features):
            if not available:
                raise ValueError(
                    f"ranker.dense_features: items have no vectors, so there is no {name!r}: map a "
                    "column as source.items.vector"
                )
            if name not in available:
                raise ValueError(
                    f"ranker.dense_features: items have no vectors named {name!r}: use one of "
                    f"{', '.join(available)}"
                )
            if name in self.dense_features[:position]:
                raise ValueError(f"ranker.dense_features: {name!r} is named twice")


class FitOptions(Frozen):
    """The rows that probe and retrain mode train on: the fit fold of the days before T."""

    days: int = Field(
        28, ge=1, le=365, description="number of days before T whose fit rows are trained on"
    )


class RetrainOptions(Frozen):
    """Retrain mode: rankers trained side by side on the fit fold, with and without the feature."""

    seeds: int = Field(
        3, ge=1, le=100, description="number of trainings, which differ in the order of rows"
    )
    epochs: int = Field(
        3, ge=1, description="maximum passes over the rows; each ranker keeps its best epoch"
    )
    batch_size: int = Field(256, ge=1, description="rows of a training step")
    rate: float = Field(
        0.01, gt=0, description="learning rate of Adam for the tower that reads the feature"
    )
    hidden_units: int = Field(
        0, ge=0, le=1024, description="hidden units of that tower; 0 makes it linear"
    )


class ImportedSnapshots(Frozen):
    """Item tables exported by an external ranker, one per day, in place of the lineage's.

    The table of day D is of the ranker as of the start of D: it has seen no event of D or later.
    """

    path: str = Field(
        description="Parquet file or folder; '{ds}' stands for the day; $VARIABLES are expanded"
    )
    item_id: str = Field("item_id", description="column with the item's id")
    vector: str = Field("embedding", description="column with a list of numbers")
    updates: str | None = Field(None, description="column with the number of updates of an item")
    as_of: str | None = Field(None, description="column with the day D, where the path has no {ds}")
    eval_rows_seen: EvalRowsSeen = Field(
        "unknown", description="whether the ranker was trained on held-out rows"
    )

    @model_validator(mode="after")
    def _one_day(self) -> ImportedSnapshots:
        if ("{ds}" in self.path) == (self.as_of is not None):
            raise ValueError(
                "needs the day of each row: give either {ds} in path or a column as_of"
            )
        return self
