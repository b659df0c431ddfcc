"""What the board shows of a stored result: a line of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class ScoreLine:
    """A Leakage Impact Score, with its verdict corrected for all results of its day and ranker.

    Attributes:
        as_of: A day, or ``first:last`` for a result pooled over days.
        looks: The number of verdicts that this one was corrected for, itself included.
        source: Digest of the stored result.
    """

    as_of: str
    preference: str
    mode: str
    horizon: int
    ranker_version: str
    verdict: str
    verdict_reason: str
    looks: int
    threshold: float
    lis: float | None
    lis_ci_low: float | None
    lis_ci_high: float | None
    leak_gain: float | None
    rows: int | None
    users: int | None
    rows_needed: int | None
    source: str

    @property
    def first(self) -> str:
        """The day, or the first of those that are pooled, in ISO 8601."""
        return self.as_of[:10]

    @property
    def last(self) -> str:
        """The day, or the last of those that are pooled, in ISO 8601."""
        return self.as_of[-10:]

    @property
    def last_day(self) -> date:
        """The day, or the last of those that are pooled."""
        return date.fromisoformat(self.last)

    @property
    def is_pooled(self) -> bool:
        """Whether it is of several days."""
        return ":" in self.as_of

    @property
    def order(self) -> tuple[str, str, int, str, bool, str, str]:
        """By which lines are sorted: of a score the newest last, of its day the longest range."""
        return (
            self.preference,
            self.mode,
            self.horizon,
            self.last,
            self.is_pooled,
            self.ranker_version,
            self.source,
        )

    @classmethod
    def of(cls, result: Mapping[str, Any], source: str) -> Self:
        """Return the line of a result.

        Args:
            result: Its plain values, as ``LisResult.to_dict`` gives them.
            source: Digest of the stored result.
        """
        names = [field.name for field in fields(cls) if field.name != "source"]
        return cls(**{name: result[name] for name in names}, source=source)


@dataclass(frozen=True, kw_only=True)
class ImprovementLine(ScoreLine):
    """An AUC Improvement Score beside the LIS that bounds it.

    Attributes:
        encoder: Version of the encoder.
        aligned_at: The encoder has seen nothing of this day or later.
        head: How the ranker reads its vectors.
        realised: AIS as a share of the LIS.
        diagnosis: What became of the bound.
    """

    encoder: str
    aligned_at: str
    head: str
    ais: float | None
    ais_ci_low: float | None
    ais_ci_high: float | None
    realised: float | None
    realised_ci_low: float | None
    realised_ci_high: float | None
    diagnosis: str
    diagnosis_reason: str
