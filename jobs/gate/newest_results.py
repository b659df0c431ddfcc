"""The results that count for a decision of the gate: those of the newest date that has one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import read_results
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake
from jobs.lake.addresses import RANKER, ranker_version
from jobs.scenarios import Scenario

_TABLE = "lis"


def newest_results(lake: Lake, scenario: Scenario, preference: str, as_of: date) -> list[LisResult]:
    """Return the results of the newest date at or before a day that has one of the ranker.

    They have all modes and horizons. Where one was pooled over days that end on that date, the
    longest range counts and the single day does not. Verdicts are corrected for all results of
    their date, of whatever kind of preference data.

    Args:
        lake: Holds the results.
        scenario: The scenario, whose ranker version counts.
        preference: Name of a kind of preference data.
        as_of: The last date that counts.
    """
    day = newest_date(lake, scenario, as_of, preference)
    if day is None:
        return []
    corrected = corrected_for_looks(_results_ending_on(lake, scenario, day), scenario.confidence)
    longest: dict[tuple[str, int], LisResult] = {}
    for result in corrected:
        score = (result.mode, result.horizon)
        if result.preference == preference and (
            score not in longest or _first_day(result) < _first_day(longest[score])
        ):
            longest[score] = result
    return list(longest.values())


def newest_date(
    lake: Lake, scenario: Scenario, as_of: date | None = None, preference: str | None = None
) -> date | None:
    """Return the newest date with a result of the scenario's ranker; None if there is none.

    Args:
        lake: Holds the results.
        scenario: The scenario.
        as_of: The last date that counts; None for no limit.
        preference: The kind of preference data that counts; None for any.
    """
    for day in reversed(lake.days_with_any(_TABLE, scenario.name)):
        if as_of is not None and day > as_of:
            continue
        kinds = scored_kinds(lake, scenario, day)
        if preference in kinds or (preference is None and kinds):
            return day
    return None


def scored_kinds(lake: Lake, scenario: Scenario, day: date) -> list[str]:
    """Return the kinds of preference data that have a result of the ranker on a date, sorted."""
    return sorted({keys["preference"] for keys in _keys_of_ranker(lake, scenario, day)})


def _results_ending_on(lake: Lake, scenario: Scenario, day: date) -> Iterable[LisResult]:
    pooled_from = [
        date.fromisoformat(keys["pooled_from"])
        for keys in _keys_of_ranker(lake, scenario, day)
        if "pooled_from" in keys
    ]
    version = ranker_version(scenario)
    return (
        result
        for result in read_results(lake, scenario.name, min([*pooled_from, day]), day)
        if result.last_day == day and result.ranker_version == version
    )


def _keys_of_ranker(lake: Lake, scenario: Scenario, day: date) -> list[dict[str, str]]:
    below = [dict(keys) for keys in lake.keys_below(_TABLE, scenario.name, day)]
    return [keys for keys in below if keys[RANKER] == ranker_version(scenario)]


def _first_day(result: LisResult) -> str:
    return result.as_of.split(":")[0]
