"""Which of the stored results a reader asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.lake.addresses import ranker_version
from jobs.scenarios import Scenario


def asked(
    results: Iterable[LisResult],
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int] | None = None,
    preferences: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
) -> list[LisResult]:
    """Those of the scenario's ranker, of the days and pooled over exactly these.

    Raises:
        InputError: there are none.
    """
    first, last = as_ofs[0], as_ofs[-1]
    pooled = f"{first}:{last}"
    wanted = {pooled, *(day.isoformat() for day in as_ofs)}
    version = ranker_version(scenario)
    found = [
        result
        for result in results
        if result.as_of in wanted
        and result.ranker_version == version
        and (horizons is None or result.horizon in horizons)
        and (preferences is None or result.preference in preferences)
        and (modes is None or result.mode in modes)
    ]
    if not found:
        raise InputError(
            f"no LIS of scenario {scenario.name} is stored for {pooled}: run python -m jobs lis "
            f"--scenario {scenario.name} --as-of {pooled if first != last else first}"
        )
    return found
