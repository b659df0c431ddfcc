"""Changes of a verdict from one evaluation day to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.common.day_range import DayRange
from jobs.evaluation.result import LisResult


@dataclass(frozen=True)
class VerdictChange:
    """Two results of the same ranker, preference data, mode and horizon on different days.

    Attributes:
        before: The result of the earlier day.
        after: The result of the later day, whose verdict is another.
    """

    before: LisResult
    after: LisResult

    def __str__(self) -> str:
        after = self.after
        return (
            f"{after.preference}, {after.mode}, n = {after.horizon}: {self.before.verdict} as of "
            f"{self.before.as_of}, {after.verdict} as of {after.as_of}"
        )


def verdict_changes(results: Iterable[LisResult], days: DayRange) -> list[VerdictChange]:
    """Return the changes of verdicts on some days, each against the newest day before.

    Args:
        results: Those of the days and of days before them; pooled ones do not count.
        days: Days whose verdicts are compared.
    """
    newest: dict[tuple[str, str, str, int], LisResult] = {}
    changes = []
    single = (result for result in results if not result.is_pooled)
    for result in sorted(single, key=lambda one: one.as_of):
        before = newest.get(_identity(result))
        newest[_identity(result)] = result
        if before is not None and before.verdict != result.verdict and result.last_day in days:
            changes.append(VerdictChange(before, result))
    return changes


def _identity(result: LisResult) -> tuple[str, str, str, int]:
    return (result.ranker_version, result.preference, result.mode, result.horizon)
