"""Stage ``score``: score the ranker with and without each leak.

It needs no MLflow: what cannot be logged is left to the stage ``log``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from jobs.common.outcome import mlflow_line
from jobs.scenarios import Mode, Scenario
from jobs.stages.request import ScoreRequest, require_current, require_due
from jobs.stages.score_options import DueOptions
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.evaluation.result import LisResult
    from jobs.lake import Lake
    from jobs.lis.fitted_scorer import FittedMode

ResultT = TypeVar("ResultT", bound="LisResult")


def score(lake: Lake, request: ScoreRequest) -> list[LisResult]:
    """Leakage Impact Scores of every kind, in its modes, at every horizon.

    Those of the lake keep the verdict of each alone; these are corrected for their number.

    Raises:
        NotDue: If the future of a horizon has not arrived yet.
        InputError: If the lineage does not cover the days or is stale, or a table is not assembled.
    """
    from jobs.evaluation.verdict.many_looks import corrected_for_looks
    from jobs.lis.fitted_modes import score_fitted
    from jobs.lis.probe import Probe
    from jobs.lis.retrain import Retrain
    from jobs.lis.swap import score_swap

    scenario, days, horizons = request.scenario, request.days.days, sorted(request.horizons)
    require_due(lake, scenario, request.due)
    require_current(lake, scenario, request.due)
    fitted_modes: list[FittedMode] = [Probe(scenario.fit.days), Retrain(scenario.retrain)]
    results = []
    if kinds := request.kinds_in(Mode.SWAP):
        results += score_swap(lake, scenario, kinds, days, horizons)
    for mode in fitted_modes:
        if kinds := request.kinds_in(mode.mode):
            results += score_fitted(lake, scenario, mode, kinds, days, horizons)
    return corrected_for_looks(results, scenario.confidence)


def pooled_or_all(results: Sequence[ResultT]) -> list[ResultT]:
    """The results pooled over a range of days, if there are any, else all.

    Those of single days stay in the lake: two months of them would bury the one to review.
    """
    return [result for result in results if result.is_pooled] or list(results)


def _run(lake: Lake, scenario: Scenario, options: DueOptions) -> None:
    from jobs.reporting.result_text import result_line
    from jobs.tracking.spool.log_spooled import log_scores

    scenario = options.applied_to(scenario)
    for request in options.requests(lake, scenario):
        results = pooled_or_all(score(lake, request))
        if runs := log_scores(lake, scenario, results):
            print(mlflow_line(runs[-1].url))
        # Last, so that the log of a task ends with what its user came for.
        for result in results:
            print(result_line(result, scenario))


SCORE = Stage(
    name="score",
    summary="score the ranker with and without each leak; log to MLflow",
    options=DueOptions,
    run=_run,
    needs=(
        "impressions",
        "items",
        "history",
        "statistics",
        "checkpoints",
        "snapshots",
        "features",
    ),
    publishes=("predictions", "lis"),
    on_gpu=True,
    per_leak=True,
    logs_mlflow_run=True,
)
