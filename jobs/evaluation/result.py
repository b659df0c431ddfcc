"""What every LIS result says, wherever it is written: lake, MLflow, report, ``--json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Slice:
    """The LIS on a part of the held-out rows: those whose ``name`` is ``value``.

    ``p_value`` tests for the LIS of all held-out rows, for each part by itself. ``stands_out`` is
    whether the part still differs from it when all slices of the result are taken into account
    (Holm, 1979). Figures are NaN where the part holds a single class, or a class from one user.
    """

    name: str
    value: str
    rows: int
    users: int
    lis: float
    lis_ci_low: float
    lis_ci_high: float
    p_value: float = math.nan
    stands_out: bool = False


@dataclass(frozen=True)
class LisResult:
    """One Leakage Impact Score (arXiv 2508.04963) with its interval and verdict.

    ``as_of`` is a day, or ``first:last`` for a result pooled over days. AUCs, ``lis`` and its
    interval are on held-out rows; ``lis_seen`` is on rows that trained the lineage, as the paper
    has it; ``memorisation`` is ``lis_seen - lis``. A figure that could not be computed, or that
    the mode does not have, is NaN. ``data_digest`` covers what the baseline is made from,
    ``leak_digest`` the leaked table.

    With several ``seeds``, every difference is the mean over them, its interval covers how they
    vary, and ``seed_sd`` is the standard deviation of the LIS from seed to seed. Retrain mode
    splits ``lis`` in two on the same rows: ``unleaked_gain``, of the feature as known at T, and
    ``leak_gain``, of what only the future adds. ``placebo`` is the gain of the leaked feature
    shuffled among items, and should be 0. ``eval_rows_seen`` is whether labels of held-out rows
    went into the leaked data. ``fit_days`` (0 where nothing is trained) and ``lookback_days`` (0
    where the kind has none) are the windows before T and before T + horizon.
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
    seed_sd: float = math.nan
    unleaked_gain: float = math.nan
    unleaked_gain_ci_low: float = math.nan
    unleaked_gain_ci_high: float = math.nan
    leak_gain: float = math.nan
    leak_gain_ci_low: float = math.nan
    leak_gain_ci_high: float = math.nan
    placebo: float = math.nan
    placebo_ci_low: float = math.nan
    placebo_ci_high: float = math.nan
    lis_seen_ci_low: float = math.nan
    lis_seen_ci_high: float = math.nan
    eval_rows_seen: str = "no"
    fit_days: int = 0
    lookback_days: int = 0

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
        values = _fields_of(cls, content)
        values["slices"] = tuple(Slice(**_fields_of(Slice, part)) for part in content["slices"])
        return cls(**values)


def _fields_of(kind: type[Slice] | type[LisResult], content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the content has; one written by an older version lacks the newest."""
    return {
        field.name: _nan_for_none(field.type, content[field.name])
        for field in fields(kind)
        if field.name in content
    }


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
