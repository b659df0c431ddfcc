"""Options of custom preference data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from jobs.scenarios.base import Frozen
from jobs.scenarios.custom_code import REFERENCE, resolve_reference
from jobs.scenarios.terms import LONGEST_NAME, EvalRowsSeen


class PreferenceTable(Frozen):
    """Custom preference data in Parquet: a vector, or a list of item ids, for each item.

    A row is used from its ``available_at`` on; of several rows of an item, the latest is used.
    """

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$",
        max_length=LONGEST_NAME,
        description="name of the kind, as given to --preference",
    )
    path: str = Field(
        description="file or folder, relative to the scenario's file; $VARIABLES are expanded"
    )
    item_id: str = Field("item_id", description="column with the item's id")
    vector: str | None = Field(None, description="column with a list of numbers")
    items: str | None = Field(None, description="column with a list of item ids")
    available_at: str = Field(
        "available_at", description="column with the time from which a row may be used"
    )
    eval_rows_seen: EvalRowsSeen = Field(
        "unknown", description="whether the data was computed from labels of held-out rows"
    )

    @field_validator("path")
    @classmethod
    def _beside_the_scenario(cls, value: str, info: ValidationInfo) -> str:
        beside = Path((info.context or {}).get("folder") or ".") / value
        return str(beside.resolve()) if os.path.exists(beside) else value

    @model_validator(mode="after")
    def _one_value(self) -> PreferenceTable:
        if (self.vector is None) == (self.items is None):
            raise ValueError("needs one column of values: give either vector or items")
        return self


def _resolved(value: str, info: ValidationInfo) -> str:
    return resolve_reference(value, (info.context or {}).get("folder"))


CustomPreference = Annotated[
    Annotated[str, Field(pattern=REFERENCE), AfterValidator(_resolved), Tag("code")]
    | Annotated[PreferenceTable, Tag("table")],
    Discriminator(lambda value: "code" if isinstance(value, str) else "table"),
]
