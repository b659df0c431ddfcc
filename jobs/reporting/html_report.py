"""The report that a reviewer reads: one HTML file that needs nothing beside itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from jobs.evaluation.result import LisResult
from jobs.evaluation.verdict import Verdict
from jobs.lis.slot_importance.importance import SlotImportance
from jobs.reporting import wording
from jobs.reporting.report_figures import (
    dose_picture,
    forest_picture,
    importance_picture,
    trend_picture,
)
from jobs.scenarios import Scenario

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Axis:
    """The common scale of the intervals in a table, in AUC difference."""

    low: float
    high: float

    @classmethod
    def of(cls, results: Sequence[LisResult]) -> Axis:
        """Room for every interval, the threshold and 0, with a margin."""
        values = [0.0]
        for result in results:
            values += [result.threshold, result.lis, result.lis_ci_low, result.lis_ci_high]
        known = [value for value in values if not math.isnan(value)]
        margin = 0.06 * ((max(known) - min(known)) or 1.0)
        return cls(min(known) - margin, max(known) + margin)

    def place(self, value: float) -> str:
        """Where a value lies on the scale, from 0 to 100."""
        return f"{100 * (value - self.low) / (self.high - self.low):.2f}"


@dataclass(frozen=True)
class Comparison:
    """The same score by rankers of several versions, on the latest day that all have scored."""

    preference: str
    mode: str
    horizon: int
    as_of: str
    by_version: dict[str, LisResult]


def build_report(
    scenario: Scenario,
    results: Sequence[LisResult],
    previous: Sequence[LisResult] = (),
    importances: Sequence[SlotImportance] = (),
) -> str:
    """Return the report on some results as one self-contained HTML page.

    results: those that the report is about; with several days, the pooled result leads.
    previous: earlier results of the scenario, shown only as a trend, and results of other ranker
    versions, shown only beside those of the same day. importances: of the slots, highest first.
    Raises ValueError if there is no result.
    """
    if not results:
        raise ValueError("a report needs a result; score the scenario first")
    shown = wording.ordered(results)
    leading = wording.headlined(shown)
    known = [*previous, *shown]
    confidence = scenario.confidence
    pictures = [
        dose_picture(leading, confidence),
        forest_picture(leading, confidence),
        trend_picture(known, confidence),
    ]
    compared = compared_versions(known)
    return _TEMPLATES.get_template("report.html.j2").render(
        scenario=scenario,
        title=scenario.title or scenario.name,
        as_of=_as_of(shown),
        leading=leading,
        others=[result for result in shown if result not in leading],
        by_verdict=_by_verdict(leading),
        warnings=wording.warnings(leading),
        axis=Axis.of(leading),
        pictures=[picture for picture in pictures if picture],
        sliced=[result for result in leading if result.slices],
        skipped=[result for result in leading if result.dates_skipped],
        importances=importances,
        importance=importance_picture(importances, confidence),
        compared=compared,
        compared_versions=sorted({name for row in compared for name in row.by_version}),
        versions=_versions(shown),
        notes=sorted({result.note for result in shown if result.note}),
        modes={result.mode: wording.mode_sentence(result.mode) for result in leading},
        has_seeds=any(result.seeds > 1 for result in leading),
        level=wording.level(confidence),
        say=wording,
        isnan=math.isnan,
    )


def compared_versions(results: Sequence[LisResult]) -> list[Comparison]:
    """Scores that several ranker versions have, each on the latest day that the most share."""
    groups: dict[tuple[str, str, int], dict[str, dict[str, LisResult]]] = {}
    for result in wording.ordered(results):
        if not result.is_pooled:
            days = groups.setdefault((result.preference, result.mode, result.horizon), {})
            days.setdefault(result.as_of, {})[result.ranker_version] = result
    found = []
    for key, days in groups.items():
        as_of = max(days, key=lambda day: (len(days[day]), day))
        if len(days[as_of]) > 1:
            found.append(Comparison(*key, as_of=as_of, by_version=days[as_of]))
    return found


def _as_of(results: Sequence[LisResult]) -> str:
    days = sorted({day for result in results for day in result.as_of.split(":")})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _by_verdict(results: Sequence[LisResult]) -> list[tuple[str, list[LisResult]]]:
    """Results of each verdict that there is, highest score first."""
    found = []
    for verdict in (Verdict.WORTH_ALIGNING, Verdict.INCONCLUSIVE, Verdict.ALREADY_CAPTURED):
        having = [result for result in results if result.verdict == verdict]
        having.sort(key=lambda one: -math.inf if math.isnan(one.lis) else one.lis, reverse=True)
        if having:
            found.append((verdict.value, having))
    return found


def _versions(results: Sequence[LisResult]) -> list[dict[str, str]]:
    rows = {
        (result.as_of, result.ranker_version, result.data_digest, result.code_version)
        for result in results
    }
    names = ("as_of", "ranker", "data", "code")
    return [dict(zip(names, row, strict=True)) for row in sorted(rows)]
