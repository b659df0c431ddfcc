"""Stage ``report``: a page on the results of some days, kept in MLflow too, and the LIS board.

It needs no MLflow: what cannot be logged is left to the stage ``log``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange
from jobs.common.outcome import verdict_change_line
from jobs.scenarios import Scenario
from jobs.stages.request import ScoreRequest
from jobs.stages.score import pooled_or_all
from jobs.stages.score_options import DueOptions
from jobs.stages.stage import Stage
from jobs.stages.upkeep.board import publish_board, publish_status

if TYPE_CHECKING:
    from jobs.ais.ais_result import AisResult
    from jobs.evaluation.result import LisResult
    from jobs.evaluation.verdict.changes import VerdictChange
    from jobs.lake import Lake
    from jobs.reporting.report_pictures import Curation
    from jobs.tracking.log_results import LoggedRun

_TREND = timedelta(days=90)
"""How far before its days a report's trend reaches: a feed of years has too many results."""
_LOOKS_BACK = timedelta(days=7)


def write_report(lake: Lake, scenario: Scenario, days: DayRange) -> Path:
    """Write one self-contained HTML page on all stored results of some days.

    Its verdicts are corrected for the number of results of each day, and stale results are marked.

    Its trend and its comparison of rankers reach 90 days further back.

    Returns:
        The path of the page, which has the days and the ranker's version in its name.

    Raises:
        InputError: If no result is stored.
    """
    from jobs.ais.ais_result import read_ais
    from jobs.ais.terms import AisMode
    from jobs.evaluation.result_store import read_results, requested_results
    from jobs.evaluation.verdict.many_looks import corrected_for_looks
    from jobs.freshness.stale_improvements import stale_improvements
    from jobs.freshness.stale_results import stale_results
    from jobs.lake.addresses import ranker_version
    from jobs.lis.slot_importance.importance import stored_importances
    from jobs.ranker.training.current_rankers import first_stale_ranker
    from jobs.reporting.html_report import build_report
    from jobs.reporting.pages import write_page

    since = days.first - _TREND
    alone = read_results(lake, scenario.name, since, days.last)
    aligned = [
        one
        for one in read_ais(lake, scenario.name, since, days.last)
        if one.ranker_version == ranker_version(scenario)
    ]
    # An AIS has a LIS among its figures, the bound: it stands in where no other is stored. That of
    # lineages has none.
    is_scored = any(result.last_day >= days.first for result in alone)
    bounds = [one for one in aligned if one.mode != AisMode.LINEAGE]
    stored = corrected_for_looks(alone if is_scored else bounds, scenario.confidence)
    results = requested_results(stored, scenario, days.days)
    earlier = [result for result in stored if not result.is_pooled]
    importances = stored_importances(lake, scenario, days.first) or ()
    curations = _curations(lake, scenario, aligned)
    ranker = first_stale_ranker(lake, scenario)
    of_days = [one for one in aligned if one.last_day >= days.first]
    stale = [
        *stale_results(lake, scenario, results, ranker),
        *stale_improvements(lake, scenario, of_days, ranker),
    ]
    page = build_report(scenario, results, earlier, importances, aligned, curations, stale)
    last = max(result.last_day for result in results)
    name = next((result.as_of for result in results if result.is_pooled), last.isoformat())
    return write_page(scenario.name, name, results[0].ranker_version, page)


def _curations(lake: Lake, scenario: Scenario, aligned: Sequence[AisResult]) -> list[Curation]:
    """What the encoders of some results were aligned on, where the lake still has it."""
    from jobs.alignment.curation.curation_facts import CurationFacts
    from jobs.lake.addresses import curated_partition
    from jobs.reporting.report_pictures import Curation

    found = []
    for preference, day in sorted({(one.preference, one.aligned_day) for one in aligned}):
        manifest = lake.manifest(curated_partition(scenario, preference, day))
        if manifest is not None:
            facts = CurationFacts.from_json(manifest.facts)
            found.append(Curation(preference, day.isoformat(), facts))
    return found


def stored_results(lake: Lake, request: ScoreRequest) -> list[LisResult]:
    """The stored results of a request, with verdicts corrected for their number.

    Raises:
        InputError: If none is stored.
    """
    from jobs.evaluation.result_store import read_results, requested_results
    from jobs.evaluation.verdict.many_looks import corrected_for_looks

    scenario, days = request.scenario, request.days
    names = [one.kind.name for one in request.kinds]
    modes = [one.mode for one in request.kinds]
    stored = read_results(lake, scenario.name, days.first, days.last)
    results = requested_results(stored, scenario, days.days, request.horizons, names, modes)
    return corrected_for_looks(results, scenario.confidence)


def log_report(
    lake: Lake, scenario: Scenario, results: Sequence[LisResult], page: Path
) -> list[LoggedRun]:
    """Log results to MLflow, with the page on them; none if that is left to the stage ``log``."""
    from jobs.tracking.spool.log_spooled import log_with_report

    text = page.read_text(encoding="utf-8")
    return log_with_report(lake, scenario, pooled_or_all(results), results, text)


def changed_verdicts(lake: Lake, request: ScoreRequest) -> list[VerdictChange]:
    """The verdicts of a request that are not those of the newest day before, within a week."""
    from jobs.evaluation.result_store import read_results
    from jobs.evaluation.verdict.changes import verdict_changes
    from jobs.evaluation.verdict.many_looks import corrected_for_looks

    scenario, days = request.scenario, request.days
    stored = read_results(lake, scenario.name, days.first - _LOOKS_BACK, days.last)
    asked = {(one.kind.name, one.mode.value) for one in request.kinds}
    results = [
        result
        for result in corrected_for_looks(stored, scenario.confidence)
        if (result.preference, result.mode) in asked and result.horizon in request.horizons
    ]
    return verdict_changes(results, days)


def _run(lake: Lake, scenario: Scenario, options: DueOptions) -> None:
    scenario = options.applied_to(scenario)
    for request in options.requests(lake, scenario):
        page = write_report(lake, scenario, request.days)
        log_report(lake, scenario, stored_results(lake, request), page)
        publish_board(lake, scenario, request.days)
        for change in changed_verdicts(lake, request):
            print(verdict_change_line(change))
        print(page)
    publish_status(lake, scenario)


REPORT = Stage(
    name="report",
    summary="one HTML page a date, also kept in MLflow; the LIS board",
    options=DueOptions,
    run=_run,
    needs=("lis",),
    publishes=("board", "status"),
)
