"""Stored AUC Improvement Scores whose data has changed since they were computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.ais.ais_result import AisResult
from jobs.ais.ais_scoring import Way, ais_scoring, fitted_way, lineage_way
from jobs.ais.score_ais import fitted_mode_of
from jobs.ais.terms import AisMode, HeadName
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.freshness.stale_results import StaleResult, what_has_changed
from jobs.lake import Lake
from jobs.lake.addresses import encoder_version, ranker_version
from jobs.preference import PreferenceKind, preference_kind
from jobs.ranker.training.current_rankers import StaleRanker
from jobs.scenarios import Scenario

_FITTED = "its encoder or the leaked data"
_LINEAGES = "its encoder or a day that its lineages are trained on"


@dataclass(frozen=True)
class StaleImprovement(StaleResult):
    """A stored AUC Improvement Score whose data has changed.

    Attributes:
        aligned_at: Day of its encoder.
        head: How its towers read vectors.
    """

    aligned_at: str
    head: str

    def is_of(self, result: LisResult) -> bool:
        """Whether it is this result."""
        return (
            isinstance(result, AisResult)
            and self._is_of_subject(result)
            and (self.aligned_at, self.head) == (result.aligned_at, result.head)
        )


def stale_improvements(
    lake: Lake, scenario: Scenario, results: Iterable[AisResult], ranker: StaleRanker | None
) -> list[StaleImprovement]:
    """Find the results whose data, vectors or rankers have changed; see ``stale_results``.

    Results of other encoders than the scenario's are not among them.

    Args:
        lake: Where results and their data are stored.
        scenario: The scenario.
        results: Stored AUC Improvement Scores.
        ranker: The first stale ranker, as ``first_stale_ranker`` finds it.
    """
    version, encoder = ranker_version(scenario), encoder_version(scenario)
    found = []
    for result in results:
        if (result.ranker_version, result.encoder) != (version, encoder):
            continue
        why = _why(lake, scenario, result, ranker)
        if why is not None:
            stale = StaleImprovement(
                as_of=result.as_of,
                preference=result.preference,
                mode=result.mode,
                horizon=result.horizon,
                why=why,
                aligned_at=result.aligned_at,
                head=result.head,
            )
            found.append(stale)
    return found


def _why(
    lake: Lake, scenario: Scenario, result: AisResult, ranker: StaleRanker | None
) -> str | None:
    mode = AisMode(result.mode)
    if mode != AisMode.PROBE:
        retrain = scenario.retrain.model_copy(update={"seeds": result.seeds})
        scenario = scenario.model_copy(update={"retrain": retrain})
    try:
        kind = preference_kind(result.preference, scenario)
        way = _way(lake, scenario, mode, kind, result)
    except InputError:
        # A kind that the scenario no longer has, or a lineage where vectors are imported now.
        return None
    days = DayRange.parse(result.as_of).days
    scoring = ais_scoring(lake, scenario, way, [kind], days, result.aligned_day)
    made_from = _LINEAGES if mode == AisMode.LINEAGE else _FITTED
    return what_has_changed(lake, scenario, scoring, result, ranker, made_from)


def _way(
    lake: Lake, scenario: Scenario, mode: AisMode, kind: PreferenceKind, result: AisResult
) -> Way:
    if mode == AisMode.LINEAGE:
        return lineage_way(lake, scenario, result.aligned_day)
    fitted = fitted_mode_of(scenario, mode)
    head = HeadName(result.head)
    return fitted_way(lake, scenario, fitted, [kind], result.aligned_day, head)
