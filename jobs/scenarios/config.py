"""The configuration of a feed: its log, its ranker, and how its LIS is computed.

Everything is frozen and typed. Unknown keys are refused on reading, so a misspelt option is never
ignored silently.
"""

from __future__ import annotations

import logging
import re
from datetime import date
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, field_validator, model_validator

from jobs.common.day_range import FIRST_DAY, LAST_DAY, MOST_DAYS
from jobs.scenarios.alignment_options import AlignmentOptions
from jobs.scenarios.base import Frozen
from jobs.scenarios.custom_preferences import CustomPreference
from jobs.scenarios.ranker_options import (
    FitOptions,
    ImportedSnapshots,
    RankerOptions,
    RetrainOptions,
)
from jobs.scenarios.sources import SimulatedSource, TableSource
from jobs.scenarios.terms import LONGEST_NAME, Mode
from jobs.scenarios.worth import Worth

log = logging.getLogger("jobs")

USER, ITEM = "user_id", "item_id"
AUTO = "auto"
"""Value of ``slot`` that selects the embedding slot by permutation importance."""

_RESERVED = {"item", "impression", "impression_id", USER, ITEM, "ts", "label", "fold"}
_RESERVED |= {"ds", "reason", "row", "null_words", "refusal"}
"""Names that a context field cannot have: published or intermediate tables use such a column."""


class FoldShares(Frozen):
    """Shares of the three folds, split by a stable hash of the impression id."""

    lineage: float = Field(
        0.8, gt=0, lt=1, description="share of impressions that train the daily lineage"
    )
    fit: float = Field(
        0.1, ge=0, lt=1, description="share of impressions that train probe and retrain mode"
    )
    eval: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of impressions that LIS is measured on; never trained on",
    )

    @model_validator(mode="after")
    def _sum_to_one(self) -> FoldShares:
        total = self.lineage + self.fit + self.eval
        if abs(total - 1) > 1e-9:
            raise ValueError(f"lineage + fit + eval must be 1, not {total:g}")
        return self


_YEAR = 24 * 366
"""In hours."""


class Schedule(Frozen):
    """When Airflow runs the scenario. A run scores the day on which its data interval starts."""

    cron: str | None = Field(
        "0 2 * * *", description="cron expression in UTC; null: only runs started by hand"
    )
    start: date = Field(
        date(2026, 1, 1),
        ge=FIRST_DAY,
        le=LAST_DAY,
        description="first day that a backfill may request",
    )
    task_hours: float = Field(
        12, gt=0, le=_YEAR, description="hours after which a task is ended, and tried again"
    )
    run_hours: float = Field(
        72,
        gt=0,
        le=_YEAR,
        description="hours after which a run is ended and has failed; it may wait for its turn for "
        "a part of them",
    )
    late_hours: float = Field(
        24, gt=0, le=_YEAR, description="hours after which a run that goes on is late"
    )
    late_days: int = Field(
        3,
        ge=0,
        le=365,
        description="days before its own that a run reads again where their raw files have "
        "changed; each makes it train again from that day on; 0: none",
    )


class Retention(Frozen):
    """What the janitor removes, beside files that can be made again."""

    quarantine_days: int | None = Field(
        90,
        ge=0,
        le=MOST_DAYS,
        description="days before the newest ingested one whose rows in quarantine are kept; null: "
        "all",
    )
    predictions_days: int | None = Field(
        None,
        ge=0,
        le=MOST_DAYS,
        description="the same for the scores of single rows; without them, pooling a day with "
        "others scores it again; null: all",
    )


class Scenario(Frozen):
    """One feed with one production ranker: its log, folds, ranker, horizons and schedule."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$",
        max_length=LONGEST_NAME,
        description="name in paths of tables, DAG ids and experiments (default: the file's name)",
    )
    title: str = Field("", description="name shown in reports and in Airflow (default: the name)")
    source: Annotated[TableSource | SimulatedSource, Field(discriminator="reader")] = Field(
        description="where the log comes from"
    )
    context: tuple[str, ...] = Field(
        (),
        description="context fields of the ranker; 'hour' and 'weekday' are derived from ts unless "
        "source.columns.context maps them",
    )
    folds: FoldShares = Field(
        FoldShares(), description="shares of the three folds; fixed at the first ingest"
    )
    history_length: int = Field(
        20, ge=1, le=200, description="clicks kept in the history of an impression"
    )
    ranker: RankerOptions = Field(RankerOptions(), description="the ranker and how a day trains it")
    horizons: tuple[int, ...] = Field(
        (7, 30), description="horizons n in days that are scored: the leak is from T+n"
    )
    preferences: tuple[str, ...] = Field(
        ("id_embedding",),
        min_length=1,
        description="kinds of preference data that are scored",
    )
    slot: str = Field(
        ITEM,
        description="embedding slot that id_embedding leaks: user_id, item_id, a context field, or "
        "auto for the most important one by permutation",
    )
    modes: tuple[Mode, ...] = Field(
        (Mode.SWAP,), min_length=1, description="modes in which they are scored"
    )
    custom_preferences: tuple[CustomPreference, ...] = Field(
        (),
        description="custom kinds of preference data: FILE.py:Name, module:Name or a Parquet table",
    )
    lookback_days: int = Field(
        28, ge=1, le=730, description="days of clicks that preference data is computed from"
    )
    fit: FitOptions = Field(FitOptions(), description="rows that probe and retrain mode train on")
    retrain: RetrainOptions = Field(
        RetrainOptions(), description="how retrain mode trains its rankers"
    )
    snapshots: ImportedSnapshots | None = Field(
        None, description="item tables exported by an external ranker"
    )
    threshold: float = Field(
        0.0010, gt=0, description="AUC gain from which a LIS counts as significant"
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")
    worth: Worth | None = Field(
        None, description="what a gain is worth and an alignment costs, shown beside the interval"
    )
    catch_up_days: int = Field(
        45,
        ge=1,
        le=MOST_DAYS,
        description="days before the first requested day at which a new lineage starts",
    )
    keep_checkpoints: int = Field(
        16,
        ge=1,
        description="of the rankers older than the horizons and the fit window of a daily run, "
        "the files of every k-th are kept, and others are trained again when needed; 1 keeps all",
    )
    alignment: AlignmentOptions = Field(
        AlignmentOptions(), description="how content encoders are aligned with preference data"
    )
    schedule: Schedule = Field(Schedule(), description="when Airflow runs the scenario")
    retention: Retention = Field(Retention(), description="what the janitor removes")

    _given_as: str | None = PrivateAttr(None)

    @property
    def given_as(self) -> str:
        """What a user writes after ``--scenario`` for this one: its name, or the path it has."""
        return self._given_as or self.name

    def named_as(self, given: str) -> Scenario:
        """The same scenario, read from what a user has written after ``--scenario``."""
        named = self.model_copy()
        named._given_as = given
        return named

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns of impressions that the ranker embeds, one embedding slot each."""
        return (USER, ITEM, *self.context)

    def check_slot(self, slot: str) -> None:
        """Check that the ranker has an embedding slot.

        Raises:
            ValueError: If it does not, or if its vectors are not among the imported ones.
        """
        if slot not in (*self.fields, AUTO):
            slots = ", ".join((*self.fields, AUTO))
            raise ValueError(f"slot {slot!r} is not an embedding slot: use one of {slots}")
        if self.snapshots is not None and slot != ITEM:
            raise ValueError(f"slot {slot!r}: imported snapshots have vectors of item_id alone")

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
        in_range = value and 0 <= min(value) <= max(value) <= MOST_DAYS
        if not in_range or len(set(value)) != len(value):
            raise ValueError(f"needs distinct numbers of days, each from 0 to {MOST_DAYS:,}")
        return value

    @model_validator(mode="after")
    def _context_is_mapped(self) -> Scenario:
        available = {"hour", "weekday"}
        if isinstance(self.source, TableSource):
            available |= set(self.source.columns.context)
        else:
            available |= {"device", "slot"}
        missing = [field for field in self.context if field not in available]
        if missing:
            raise ValueError(
                f"context field {missing[0]!r} is not mapped to a column; available: "
                f"{', '.join(sorted(available))}"
            )
        _check_field_names(self.context)
        self.check_slot(self.slot)
        if self.ranker.history_length > self.history_length:
            raise ValueError("ranker.history_length is more than history_length keeps")
        self.ranker.check_dense_features(self.source.item_vectors)
        if self.snapshots is not None and self.ranker.dense_features:
            raise ValueError("snapshots: no ranker is trained that reads ranker.dense_features")
        return self


def _check_field_names(fields: tuple[str, ...]) -> None:
    """Check that context fields can be columns of tables, where names differ not by case alone.

    Raises:
        ValueError: If one cannot.
    """
    for position, field in enumerate(fields):
        if field.lower() in _RESERVED:
            raise ValueError(f"context field {field!r}: the name is reserved, use another")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", field) or len(field) > LONGEST_NAME:
            raise ValueError(
                f"context field {field!r}: use letters, digits and _; the column that it is mapped "
                "to may have any name"
            )
        if twin := next((one for one in fields[:position] if one.lower() == field.lower()), None):
            raise ValueError(f"context fields {twin!r} and {field!r}: use names that differ more")


def _refuse_both(content: dict[str, Any], key: str, former: str, current: str) -> None:
    if key in content:
        raise ValueError(f"{former} is the former name of {current}: give {current} alone")
