"""What can be said of a feed: its log, its ranker, and how its LIS is computed.

Everything is frozen and typed. Unknown keys are refused on reading, so a misspelt option can
never be silently ignored.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from jobs.scenarios.base import Frozen
from jobs.scenarios.custom_preferences import CustomPreference
from jobs.scenarios.ranker_options import (
    FitOptions,
    ImportedSnapshots,
    RankerOptions,
    RetrainOptions,
)
from jobs.scenarios.sources import SimulatedSource, TableSource
from jobs.scenarios.terms import Mode

log = logging.getLogger("jobs")

USER, ITEM = "user_id", "item_id"
AUTO = "auto"
"""The slot that is chosen by permutation importance."""

_TAKEN = {"item", "impression", "impression_id", USER, ITEM, "ts", "label", "fold"}
_TAKEN |= {"ds", "reason", "row", "raw_label", "file_day"}
"""What a context field cannot be called, as tables have or pass through such a column."""


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
    slot: str = Field(
        ITEM,
        description="embedding slot that id_embedding leaks: user_id, item_id, a context field, or "
        "auto for the one that the ranker would miss most",
    )
    modes: tuple[Mode, ...] = Field((Mode.SWAP,), min_length=1)
    custom_preferences: tuple[CustomPreference, ...] = Field(
        (),
        description="custom kinds of preference data: FILE.py:Name, module:Name or a Parquet table",
    )
    lookback_days: int = Field(
        28, ge=1, le=730, description="days of clicks that a table of preference data is made from"
    )
    fit: FitOptions = FitOptions()
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

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns of impressions that the ranker looks up, each an embedding slot of its own."""
        return (USER, ITEM, *self.context)

    def check_slot(self, slot: str) -> None:
        """Refuse a slot that the ranker does not have.

        Raises:
            ValueError: it is none.
        """
        if slot not in (*self.fields, AUTO):
            known = ", ".join((*self.fields, AUTO))
            raise ValueError(f"slot {slot!r} is no embedding slot: known: {known}")
        if self.snapshots is not None and slot != ITEM:
            raise ValueError(f"slot {slot!r}: only item_id has vectors where they are imported")

    @model_validator(mode="before")
    @classmethod
    def _former_keys(cls, content: Any) -> Any:
        """Accept the former names of keys, with a warning.

        ``own_preferences`` is now ``custom_preferences``; ``retrain.fit_days`` is now ``fit.days``,
        as probe mode reads it too.

        Raises:
            ValueError: If both the former and the current name of a key are given.
        """
        if not isinstance(content, dict):
            return content
        content = dict(content)
        if "own_preferences" in content:
            _refuse_both(content, "custom_preferences", "own_preferences", "custom_preferences")
            log.warning("own_preferences is now custom_preferences: rename the key")
            content["custom_preferences"] = content.pop("own_preferences")
        retrain = content.get("retrain")
        if isinstance(retrain, dict) and "fit_days" in retrain:
            _refuse_both(content, "fit", "retrain.fit_days", "fit.days")
            days = retrain["fit_days"]
            log.warning("retrain.fit_days is now fit.days: write fit: {days: %s}", days)
            content["retrain"] = {key: retrain[key] for key in retrain if key != "fit_days"}
            content["fit"] = {"days": days}
        return content

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
        if taken := _TAKEN & {*self.context}:
            raise ValueError(f"context field {min(taken)!r}: this name is taken, use another")
        self.check_slot(self.slot)
        if self.ranker.history_length > self.history_length:
            raise ValueError("ranker.history_length is more than history_length keeps")
        return self


def _refuse_both(content: dict[str, Any], key: str, former: str, current: str) -> None:
    if key in content:
        raise ValueError(f"{former} is the former name of {current}: give {current} alone")
