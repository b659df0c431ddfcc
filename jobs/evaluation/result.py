"""The result of an evaluation, as the lake, MLflow, the report and ``--json`` hold it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Protocol, Self

from jobs.evaluation.declared.decision import HEADLINE_NAME, LEAK_GAIN_NAME
from jobs.evaluation.figure import Figure, Value
from jobs.evaluation.figures import all_figures, flat_values, values_of
from jobs.evaluation.verdict.decision import deciding
from jobs.stats.estimate import Estimate

COMPARE = "compare"
"""The mode of a result whose scores were computed outside the project."""


class Subject(Protocol):
    """What results are about: a scenario, or scores that were compared."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def confidence(self) -> float: ...


@dataclass(frozen=True)
class Slice:
    """The AUC difference on a part of the held-out rows: those whose ``name`` is ``value``.

    Figures are NaN where the part holds a single class, or a class from one user.

    Attributes:
        estimate: The difference, without a standard error.
        p_value: Of the hypothesis that the part has the difference of all held-out rows, without
            correction for the number of parts.
        stands_out: Whether the part differs from all held-out rows after the correction for all
            slices of the result (Holm, 1979).
    """

    name: str
    value: str
    rows: int
    users: int
    estimate: Estimate
    p_value: float = math.nan
    stands_out: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the value of each column; the estimate has those of the figure ``lis``."""
        return {
            "name": self.name,
            "value": self.value,
            "rows": self.rows,
            "users": self.users,
            "lis": self.estimate.value,
            "lis_ci_low": self.estimate.ci_low,
            "lis_ci_high": self.estimate.ci_high,
            "p_value": self.p_value,
            "stands_out": self.stands_out,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Slice:
        """Return the slice that ``to_dict`` described, with None for NaN too.

        Columns that an earlier version did not write take their defaults.
        """
        low, high = content["lis_ci_low"], content["lis_ci_high"]
        return cls(
            name=content["name"],
            value=content["value"],
            rows=content["rows"],
            users=content["users"],
            estimate=Estimate(_number(content["lis"]), _number(low), _number(high)),
            p_value=_number(content.get("p_value")),
            stands_out=content.get("stands_out", False),
        )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Measured figures of two scores on the same rows, and what follows from them.

    Each column of a figure is an attribute too, such as ``lis``, ``lis_ci_low`` or ``coverage``.

    Attributes:
        figures: Value by name of the figure: see ``jobs.evaluation.figures``.
        verdict: One of ``jobs.evaluation.verdict.decision.Verdict``.
        verdict_reason: Why; empty in results of earlier versions.
        slices: The difference on parts of the held-out rows.
    """

    figures: Mapping[str, Value]
    verdict: str
    verdict_reason: str = ""
    slices: tuple[Slice, ...] = ()

    def __getattr__(self, name: str) -> Any:
        """Return the value of a figure's column.

        Raises:
            AttributeError: If no figure has such a column.
        """
        # Copying looks up attributes before ``figures`` is set.
        known = "figures" in self.__dict__
        columns = flat_values(self.figures, self.declared_figures()) if known else {}
        if name not in columns:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return columns[name]

    @classmethod
    def declared_figures(cls) -> Sequence[Figure]:
        """Return the figures that a result of this class has, in the order of its columns."""
        return all_figures()

    @property
    def estimate(self) -> Estimate:
        """The Leakage Impact Score."""
        return self._estimate(HEADLINE_NAME)

    @property
    def leak_gain_estimate(self) -> Estimate | None:
        """What the future adds to the data as available at T; None if it was not measured."""
        found = self._estimate(LEAK_GAIN_NAME)
        return found if found.has_interval else None

    @property
    def deciding(self) -> Estimate:
        """The difference on which the verdict rests."""
        return deciding(self.estimate, self.leak_gain_estimate)

    def _estimate(self, name: str) -> Estimate:
        found = self.figures.get(name, Estimate())
        assert isinstance(found, Estimate)
        return found

    def value(self, figure: Figure) -> Value:
        """Return the value of a figure, which is missing if it was not measured."""
        return self.figures.get(figure.name, figure.missing)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, one for each column; NaN becomes None."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        del own["figures"]
        slices = [part.to_dict() for part in own.pop("slices")]
        return {
            key: _plain(value)
            for key, value in {
                **own,
                **flat_values(self.figures, self.declared_figures()),
                "slices": slices,
            }.items()
        }

    def to_json(self) -> str:
        """Return ``to_dict`` as JSON with sorted keys."""
        return json.dumps(self.to_dict(), sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class LisResult(Evaluation):
    """One Leakage Impact Score (arXiv 2508.04963) with its interval and verdict.

    With several seeds, every difference is the mean over them, and its interval covers how they
    vary.

    Attributes:
        as_of: A day, or ``first:last`` for a result pooled over days.
        seeds: Rankers trained for each variant.
        ranker_version: Version of the ranker that was evaluated.
        data_digest: Digest of what the baseline was made from.
        leak_digest: Digest of the leaked table.
        seconds: Time taken.
        threshold: The AUC difference that counts as significant.
        note: Figures that are missing and why; empty if there are none.
        looks: The number of verdicts that this one was corrected for, itself included; stored
            results are not corrected.
        eval_rows_seen: Whether labels of held-out rows went into the leaked data.
        fit_days: Days before T whose rows train the rankers; 0 where nothing is trained.
        lookback_days: Days before T + horizon that the leaked data covers; 0 without a limit.
    """

    scenario: str
    as_of: str
    horizon: int
    preference: str
    mode: str
    seeds: int
    ranker_version: str
    data_digest: str
    leak_digest: str
    code_version: str
    seconds: float
    threshold: float = 0.0010
    note: str = ""
    looks: int = 1
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

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the result that ``to_dict`` described.

        Columns that an earlier version did not write take their defaults.
        """
        values = {
            field.name: _nan_for_none(field.type, content[field.name])
            for field in fields(cls)
            if field.name in content and field.name != "slices"
        }
        slices = tuple(Slice.from_dict(part) for part in content["slices"])
        figures = values_of(content, cls.declared_figures())
        return cls(**values, figures=figures, slices=slices)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _nan_for_none(kind: object, value: Any) -> Any:
    return math.nan if value is None and kind == "float" else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
