"""Two scores of a production system, compared as if the project had computed them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.common.code_version import code_version
from jobs.common.day_range import DayRange
from jobs.stages.score import pooled_or_all

if TYPE_CHECKING:
    from jobs.evaluation.result import Evaluation, LisResult
    from jobs.lake import Lake
    from jobs.sources.prediction_file import PredictionFile
    from jobs.tracking.log_results import LoggedRun

PREFERENCE, RANKER = "treatment", "external"
"""What stands in a result for the preference data and the ranker, which are not the project's."""


@dataclass(frozen=True)
class ComparedScores:
    """What a comparison is called, and how it is decided.

    Args:
        name: Name of the report and of the MLflow experiment.
        threshold: The AUC difference that counts as significant.
        confidence: Coverage of the intervals, between 0 and 1.
        title: Title of the report.
    """

    name: str
    threshold: float
    confidence: float
    title: str = ""


def compare_predictions(file: PredictionFile, subject: ComparedScores) -> list[LisResult]:
    """Compare the scores of every day, and pool them if there are several.

    Returns:
        The results of single days, ascending, then the pooled one.

    Raises:
        InputError: If the seeds of a day do not describe the same rows.
    """
    from jobs.evaluation.compare import scored_rows
    from jobs.evaluation.measurement import Measurement

    whole, results, seeds = Measurement(), [], 1
    for day in file:
        rows = scored_rows(day.labels, day.users, day.baseline, day.treatment, day.slices)
        alone = Measurement()
        for measurement in (alone, whole):
            measurement.add(rows)
        seeds = rows.seeds
        found = alone.result(subject.threshold, subject.confidence)
        days = DayRange.of_day(day.day)
        results.append(_result(file, subject, days, seeds, found))
    if len(results) > 1:
        found = whole.result(subject.threshold, subject.confidence)
        days = DayRange(results[0].last_day, results[-1].last_day)
        results.append(_result(file, subject, days, seeds, found))
    return results


def _result(
    file: PredictionFile,
    subject: ComparedScores,
    days: DayRange,
    seeds: int,
    found: Evaluation,
) -> LisResult:
    from jobs.evaluation.missing_figures import missing_figures_note
    from jobs.evaluation.result import COMPARE, LisResult

    return LisResult(
        figures=found.figures,
        verdict=found.verdict,
        verdict_reason=found.verdict_reason,
        slices=found.slices,
        scenario=subject.name,
        as_of=str(days),
        horizon=0,
        preference=PREFERENCE,
        mode=COMPARE,
        seeds=seeds,
        ranker_version=RANKER,
        data_digest=file.digest,
        leak_digest=file.digest,
        code_version=code_version(),
        # Unlike a stored result, this one is computed each time: it must be the same each time.
        seconds=math.nan,
        threshold=subject.threshold,
        eval_rows_seen="unknown",
        note=missing_figures_note(found, has_seen_rows=False),
    )


def write_comparison(subject: ComparedScores, results: Sequence[LisResult]) -> Path:
    """Write the page on the results of a comparison."""
    from jobs.reporting.html_report import build_report
    from jobs.reporting.pages import write_page

    leading = pooled_or_all(results)[-1]
    report = build_report(subject, results)
    return write_page(subject.name, leading.as_of, leading.data_digest[:10], report)


def log_comparison(
    lake: Lake, subject: ComparedScores, results: Sequence[LisResult], page: Path
) -> list[LoggedRun]:
    """Log the results of a comparison to MLflow, with the page on them.

    Raises:
        ServiceUnavailable: If MLflow does not answer.
        InputError: If MLflow cannot be used, or refuses something.
    """
    from jobs.tracking.log_results import log_results

    report = page.read_text(encoding="utf-8")
    return log_results(lake, subject, pooled_or_all(results), report, single_days=results)
