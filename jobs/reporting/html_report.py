"""The report for a reviewer: one self-contained HTML file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from jobs.ais.ais_result import AisResult
from jobs.evaluation.declared.differences import HEADLINE
from jobs.evaluation.figure import Section
from jobs.evaluation.figures import in_section
from jobs.evaluation.result import COMPARE, LisResult, Subject
from jobs.evaluation.verdict.decision import BY_WORTH
from jobs.freshness.stale_results import StaleResult
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.reporting import glossary, verdict_text, wording
from jobs.reporting.ais_text import exchange_rate_sentences
from jobs.reporting.report_pictures import (
    Curation,
    alignment_pictures,
    balance_picture,
    dose_picture,
    forest_picture,
    importance_picture,
    trend_picture,
)
from jobs.reporting.status_text import stale_warnings

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
        """Return a scale that contains every interval, the threshold and 0, with a margin."""
        values = [0.0]
        for result in results:
            values += [result.threshold, result.lis, result.lis_ci_low, result.lis_ci_high]
        numbers = [value for value in values if not math.isnan(value)]
        margin = 0.06 * ((max(numbers) - min(numbers)) or 1.0)
        return cls(min(numbers) - margin, max(numbers) + margin)

    def place(self, value: float) -> str:
        """Return the place of a value on the scale, from 0 to 100."""
        return f"{100 * (value - self.low) / (self.high - self.low):.2f}"


@dataclass(frozen=True)
class Comparison:
    """The same LIS for several ranker versions, on the latest day that all of them have."""

    preference: str
    mode: str
    horizon: int
    as_of: str
    by_version: dict[str, LisResult]


def build_report(
    about: Subject,
    results: Sequence[LisResult],
    previous: Sequence[LisResult] = (),
    importances: Sequence[SlotImportance] = (),
    aligned: Sequence[AisResult] = (),
    curations: Sequence[Curation] = (),
    stale: Sequence[StaleResult] = (),
) -> str:
    """Return the report on some results as one self-contained HTML page.

    Args:
        about: The scenario of the results, or what was compared.
        results: The results to report; with several days, the pooled result leads.
        previous: Earlier results of the same subject, shown in the trend only, and results of other
            ranker versions, shown only beside those of the same day.
        importances: Importances of the embedding slots, highest first.
        aligned: What aligned encoders bring on these days and before.
        curations: The items that encoders were aligned on.
        stale: Those of the results, aligned ones too, whose data has changed since.

    Raises:
        ValueError: If there is no result.
    """
    if not results:
        raise ValueError("a report needs a result; run python -m jobs lis first")
    shown = wording.ordered(results)
    leading = wording.by_worth(wording.leading_results(shown))
    with_previous = [*previous, *shown]
    confidence = about.confidence
    shown_aligned = leading_aligned(aligned, _as_ofs(shown))
    drawn = wording.ordered(leading)
    pictures = [
        dose_picture(drawn, confidence) if drawn[0].mode != COMPARE else None,
        forest_picture(drawn, confidence),
        trend_picture(with_previous, confidence),
    ]
    compared = compared_versions(with_previous)
    return _TEMPLATES.get_template("report.html.j2").render(
        about=about,
        title=about.title or about.name,
        as_of=_as_of(shown),
        leading=leading,
        others=[result for result in shown if result not in leading],
        by_verdict=_by_verdict(leading),
        warnings=[*stale_warnings(about, stale), *wording.warnings(leading)],
        stale_because=lambda result: next((one.why for one in stale if one.is_of(result)), None),
        axis=Axis.of(leading),
        pictures=[picture for picture in pictures if picture],
        sliced=[result for result in leading if result.slices],
        skipped=[result for result in leading if result.dates_skipped],
        closed=[result for result in leading if result.dates_closed],
        aligned=shown_aligned,
        alignment=in_section(Section.ALIGNMENT),
        alignment_pictures=alignment_pictures(
            shown_aligned, [one for one in aligned if not one.is_pooled], confidence
        ),
        exchange_rates=exchange_rate_sentences(shown_aligned, confidence),
        diagnosis_terms=glossary.diagnosis_terms(),
        curations=[(one, balance_picture(one)) for one in _of_shown(curations, shown_aligned)],
        importances=importances,
        importance=importance_picture(importances, confidence),
        compared=compared,
        compared_versions=sorted({name for row in compared for name in row.by_version}),
        versions=_versions(shown),
        notes=sorted({result.note for result in shown if result.note}),
        modes={result.mode: wording.mode_sentence(result.mode) for result in leading},
        has_seeds=any(result.seeds > 1 for result in leading),
        level=wording.level(confidence),
        decision=[one for one in in_section(Section.DECISION) if one.measure != HEADLINE],
        simple_models=in_section(Section.RANKER),
        beside=[result for result in leading if verdict_text.simple_models_sentence(result)],
        quality=in_section(Section.QUALITY),
        evidence=in_section(Section.EVIDENCE),
        words=wording,
        glossary=glossary,
        terms=glossary.terms,
        verdict_terms=glossary.verdict_terms,
        all_verdicts=glossary.all_verdicts,
        on_verdict=verdict_text,
        isnan=math.isnan,
    )


def compared_versions(results: Sequence[LisResult]) -> list[Comparison]:
    """Return results that several ranker versions have, on the latest day that most share."""
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


def leading_aligned(results: Sequence[AisResult], as_ofs: set[str]) -> list[AisResult]:
    """Return the results of encoders of the days of a report, without days that are pooled.

    Args:
        results: Results of these and of earlier days.
        as_ofs: The days, and the ranges of days, of the report.
    """
    of_days = [one for one in results if one.as_of in as_ofs]
    pooled = [one for one in of_days if one.is_pooled]
    return sorted(
        pooled or of_days,
        key=lambda one: (one.preference, one.way, one.horizon, one.encoder, one.aligned_at),
    )


def _of_shown(curations: Sequence[Curation], aligned: Sequence[AisResult]) -> list[Curation]:
    shown = {(one.preference, one.aligned_at) for one in aligned}
    return [one for one in curations if (one.preference, one.aligned_at) in shown]


def _as_ofs(results: Sequence[LisResult]) -> set[str]:
    return {result.as_of for result in results}


def _as_of(results: Sequence[LisResult]) -> str:
    days = sorted({day for result in results for day in result.as_of.split(":")})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _by_verdict(results: Sequence[LisResult]) -> list[tuple[str, list[LisResult]]]:
    """Return the results of each verdict, those first that may be worth most."""
    found = []
    for verdict in BY_WORTH:
        having = [result for result in results if result.verdict == verdict]
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
