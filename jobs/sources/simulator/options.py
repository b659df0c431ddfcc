"""The knobs of the simulated feed."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jobs.sources.simulator.vocabulary import CATEGORY_WORDS

GENERATOR_REVISION = 1
"""Raised when the same options would give other bytes, so that old files are told apart."""

MIN_LIFE_DAYS = 3
MAX_LIFE_DAYS = 28
EARLIEST_START = date(1970, 3, 1)


def _check_start(start: date) -> date:
    """Item births reach four weeks back, and day numbers count from 1970 without a sign."""
    if start < EARLIEST_START:
        raise ValueError(f"start must be {EARLIEST_START} or later")
    return start


class SimulatorOptions(BaseModel):
    """Everything that determines the simulated feed; equal options give equal feeds.

    Raises ``pydantic.ValidationError`` for unknown names and values out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(7, ge=0, lt=2**63, description="Seed of the whole world.")
    start: Annotated[date, AfterValidator(_check_start)] = Field(
        description="First day of the feed. Items born up to four weeks earlier are alive on it."
    )
    users: int = Field(4_000, ge=1, le=2_000_000, description="Number of users.")
    rows_per_day: int = Field(20_000, ge=1, le=100_000_000, description="Impressions a day.")
    new_items_per_day: int = Field(60, ge=1, le=100_000, description="Items born each day.")
    item_life_days: float = Field(
        14.0,
        gt=MIN_LIFE_DAYS,
        lt=MAX_LIFE_DAYS,
        description="Mean life of an item in days; single lives are drawn from 3 to 28 days.",
    )
    taste_dimensions: int = Field(4, ge=1, le=64, description="Length of a taste vector.")
    idiosyncratic_share: float = Field(
        0.7,
        ge=0.0,
        le=1.0,
        description="Share of the variance of item taste and quality that content cannot explain.",
    )
    vector_dimensions: int = Field(
        16, ge=1, le=1024, description="Length of the dense, image-like vector of an item."
    )
    categories: int = Field(
        12, ge=1, le=len(CATEGORY_WORDS), description="Number of item categories."
    )
    click_rate: float = Field(
        0.2, gt=0.0, lt=1.0, description="Long-run share of impressions that are clicked."
    )
    taste_strength: float = Field(
        1.2, ge=0.0, description="Standard deviation, in logits, of the match of user and item."
    )
    quality_strength: float = Field(
        0.7, ge=0.0, description="Standard deviation, in logits, of item quality."
    )
    exposure_skew: float = Field(
        0.8,
        ge=0.0,
        le=4.0,
        description="Standard deviation of the log exposure weight of items; 0 is uniform.",
    )
    personalisation: float = Field(
        1.0,
        ge=0.0,
        description="How sharply the logging policy prefers what it expects the user to like.",
    )
    exploration: float = Field(
        0.15, ge=0.0, le=1.0, description="Share of impressions that show a uniformly drawn item."
    )

    def digest(self) -> str:
        """SHA-256, in hex, of the options and of the generator's revision."""
        text = f"{GENERATOR_REVISION}\n{self.model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()
