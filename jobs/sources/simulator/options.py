"""Options of the simulated feed."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jobs.sources.simulator.vocabulary import CATEGORY_WORDS

GENERATOR_REVISION = 1
"""Incremented when equal options would give different bytes, so that old files are recognised."""

MIN_LIFE_DAYS = 3
MAX_LIFE_DAYS = 28
EARLIEST_START = date(1970, 3, 1)


def _check_start(start: date) -> date:
    """Items are born up to four weeks before the start, and day numbers must not be negative."""
    if start < EARLIEST_START:
        raise ValueError(f"start must be {EARLIEST_START} or later")
    return start


class SimulatorOptions(BaseModel):
    """Everything that determines the simulated feed; equal options give equal feeds.

    Raises:
        pydantic.ValidationError: If a name is unknown or a value is out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(7, ge=0, lt=2**63, description="seed of all random draws")
    start: Annotated[date, AfterValidator(_check_start)] = Field(
        description="first day of the feed; items born up to four weeks earlier are alive on it"
    )
    users: int = Field(4_000, ge=1, le=2_000_000, description="number of users")
    rows_per_day: int = Field(20_000, ge=1, le=100_000_000, description="impressions per day")
    new_items_per_day: int = Field(60, ge=1, le=100_000, description="items born per day")
    item_life_days: float = Field(
        14.0,
        gt=MIN_LIFE_DAYS,
        lt=MAX_LIFE_DAYS,
        description="mean lifetime of an item in days; lifetimes are drawn from 3 to 28 days",
    )
    taste_dimensions: int = Field(4, ge=1, le=64, description="length of a taste vector")
    idiosyncratic_share: float = Field(
        0.7,
        ge=0.0,
        le=1.0,
        description="share of the variance of item traits that content does not explain",
    )
    vector_dimensions: int = Field(
        16, ge=1, le=1024, description="length of the dense content vector of an item"
    )
    categories: int = Field(
        12, ge=1, le=len(CATEGORY_WORDS), description="number of item categories"
    )
    click_rate: float = Field(
        0.2, gt=0.0, lt=1.0, description="share of impressions that are clicked in the long run"
    )
    taste_strength: float = Field(
        1.2, ge=0.0, description="standard deviation of the match of user and item, in logits"
    )
    quality_strength: float = Field(
        0.7, ge=0.0, description="standard deviation of item quality, in logits"
    )
    exposure_skew: float = Field(
        0.8,
        ge=0.0,
        le=4.0,
        description="standard deviation of the log exposure weight of items; 0 is uniform",
    )
    personalisation: float = Field(
        1.0,
        ge=0.0,
        description="strength of the logging policy's preference for items that match the user",
    )
    exploration: float = Field(
        0.15, ge=0.0, le=1.0, description="share of impressions that show a uniformly drawn item"
    )

    def digest(self) -> str:
        """SHA-256, in hex, of the options and of the generator's revision."""
        text = f"{GENERATOR_REVISION}\n{self.model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()
