"""What every LIS result says, wherever it is written: lake, MLflow, report, ``--json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Slice:
    """The LIS on a part of the rows. Read with care: with many slices some stand out by chance."""

    name: str
    value: str
    rows: int
    users: int
    lis: float
    lis_ci_low: float
    lis_ci_high: float


@dataclass(frozen=True)
class LisResult:
    """One Leakage Impact Score (arXiv 2508.04963) with its interval and verdict.

    ``as_of`` is a day, or ``first:last`` for a result pooled over days. AUCs, ``lis`` and its
    interval are on held-out rows; ``lis_seen`` is on rows that trained the lineage, as the paper
    has it; ``memorisation`` is ``lis_seen - lis``. A figure that could not be computed is NaN.
    ``data_digest`` covers what the baseline is made from, ``leak_digest`` the leaked table.
    """

    scenario: str
    as_of: str
    horizon: int
    preference: str
    mode: str
    seeds: int
    rows: int
    users: int
    positives: int
    auc_baseline: float
    auc_leaked: float
    lis: float
    lis_se: float
    lis_ci_low: float
    lis_ci_high: float
    p_value: float
    lis_seen: float
    memorisation: float
    gauc_baseline: float
    gauc_leaked: float
    logloss_delta: float
    ne_delta: float
    coverage: float
    verdict: str
    rows_needed: int | None
    slices: tuple[Slice, ...]
    ranker_version: str
    data_digest: str
    leak_digest: str
    code_version: str
    seconds: float
    dates: int = 1
    dates_skipped: int = 0
    threshold: float = 0.0010
    note: str = ""

    @property
    def is_pooled(self) -> bool:
        return ":" in self.as_of

    @property
    def last_day(self) -> date:
        """The day, or the last of the pooled days."""
        return date.fromisoformat(self.as_of.split(":")[-1])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: NaN becomes None."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LisResult:
        """The inverse of ``to_dict``."""
        values = {
            field.name: _nan_for_none(field.type, content[field.name])
            for field in fields(cls)
            if field.name in content
        }
        values["slices"] = tuple(
            Slice(
                **{
                    key: _nan_for_none("float" if "lis" in key else "", value)
                    for key, value in part.items()
                }
            )
            for part in content["slices"]
        )
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _nan_for_none(kind: object, value: Any) -> Any:
    return float("nan") if value is None and kind == "float" else value
