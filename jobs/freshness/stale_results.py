"""Stored results whose data has changed since they were computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.common.code_version import code_version
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.evaluation.fit_window import fit_days
from jobs.evaluation.result import LisResult
from jobs.lake import Lake
from jobs.lake.addresses import ranker_version, starting_ranker_days
from jobs.lis.fitted_modes import fitted_scoring
from jobs.lis.probe import Probe
from jobs.lis.retrain import Retrain
from jobs.lis.swap import swap_scoring
from jobs.lis.targets import Scoring, requested_targets
from jobs.preference import PreferenceKind, preference_kind
from jobs.preference.behaviour import TableWindow
from jobs.preference.build_tables import KNOWN_AT_T, stale_tables
from jobs.ranker.training.current_rankers import StaleRanker
from jobs.scenarios import ITEM, Mode, Scenario


@dataclass(frozen=True)
class StaleResult:
    """A stored result whose data has changed.

    Attributes:
        as_of: Its day, or ``first:last``.
        preference: Its kind of preference data.
        mode: Its mode.
        horizon: Its days of leak.
        why: What has changed.
    """

    as_of: str
    preference: str
    mode: str
    horizon: int
    why: str

    def is_of(self, result: LisResult) -> bool:
        """Whether it is this result, which is no AUC Improvement Score."""
        return type(result) is LisResult and self._is_of_subject(result)

    def _is_of_subject(self, result: LisResult) -> bool:
        return (self.as_of, self.preference, self.mode, self.horizon) == (
            result.as_of,
            result.preference,
            result.mode,
            result.horizon,
        )


def stale_results(
    lake: Lake, scenario: Scenario, results: Iterable[LisResult], ranker: StaleRanker | None
) -> list[StaleResult]:
    """Find the results whose data has changed since, or whose rankers or tables are stale.

    Results of other code alone are not among them, though they are computed anew when they are
    asked for: their digests cover both data and code, and an upgrade would make all of them stale.
    Nor are results of other rankers than the scenario's, or whose data is no longer in the lake.

    Args:
        lake: Where results and their data are stored.
        scenario: The scenario.
        results: Stored Leakage Impact Scores.
        ranker: The first stale ranker, as ``first_stale_ranker`` finds it.
    """
    groups: dict[tuple[str, str, int], list[LisResult]] = {}
    version = ranker_version(scenario)
    for result in results:
        if result.ranker_version == version:
            key = (result.preference, result.mode, result.seeds)
            groups.setdefault(key, []).append(result)
    found = []
    for (preference, mode, seeds), of_group in groups.items():
        try:
            check = _Check(lake, scenario, preference, Mode(mode), seeds, of_group, ranker)
        except InputError:
            # A kind that the scenario no longer has.
            continue
        reasons = ((result, check.why(result)) for result in of_group)
        found += [
            StaleResult(result.as_of, preference, mode, result.horizon, why)
            for result, why in reasons
            if why is not None
        ]
    return found


def what_has_changed(
    lake: Lake,
    scenario: Scenario,
    scoring: Scoring,
    result: LisResult,
    ranker: StaleRanker | None,
    leak: str,
) -> str | None:
    """Compare what a result was computed from with what it would be computed from now.

    Args:
        lake: Where both lie.
        scenario: The scenario of the result.
        scoring: How it would be computed.
        result: The stored result.
        ranker: The first stale ranker.
        leak: What the digest of its leak is one of, in words.

    Returns:
        What has changed; None if nothing has, or some of the data is no longer in the lake.
    """
    if ranker is not None and ranker.day <= result.last_day + timedelta(days=result.horizon):
        return f"the ranker of {ranker.day} is stale: {ranker.why}"
    days = DayRange.parse(result.as_of).days
    try:
        # Of several days, the pooled result is the last.
        *_, target = requested_targets(scenario, scoring, days, [result.horizon])
    except InputError:
        return None
    manifest = lake.manifest(target.partition)
    if manifest is None:
        return None
    if target.input_digests.data != result.data_digest:
        return f"the rows or the ranker of {result.as_of} have changed"
    if result.code_version != code_version():
        return None
    changes = {
        "leak": f"{leak} has changed",
        "peers": "the counts that the simple models read have changed",
        "measure": "the threshold or the confidence has changed",
        "days": f"{leak} of one of its days has changed",
    }
    differing = (name for name in changes if target.inputs.get(name) != manifest.inputs.get(name))
    return next((changes[name] for name in differing), None)


class _Check:
    """Checks results of one kind of preference data in one mode."""

    def __init__(
        self,
        lake: Lake,
        scenario: Scenario,
        preference: str,
        mode: Mode,
        seeds: int,
        results: Sequence[LisResult],
        ranker: StaleRanker | None,
    ) -> None:
        # A result of another slot has that in the name of its preference data.
        changes: dict[str, object] = {"slot": ITEM}
        if mode == Mode.RETRAIN:
            changes["retrain"] = scenario.retrain.model_copy(update={"seeds": seeds})
        self._lake, self._scenario = lake, scenario.model_copy(update=changes)
        self._mode, self._ranker = mode, ranker
        self._rankers = starting_ranker_days(lake, scenario)
        kind = preference_kind(preference, self._scenario)
        self._scoring = _scoring(lake, self._scenario, mode, kind)
        windows = {window for result in results for window in self._windows(result)}
        self._stale = _stale_tables(lake, self._scenario, kind, sorted(windows))

    def why(self, result: LisResult) -> str | None:
        """What has changed since a result was computed; None if nothing has."""
        changed = what_has_changed(
            self._lake, self._scenario, self._scoring, result, self._ranker, "the leaked data"
        )
        if changed is not None:
            return changed
        if stale := sorted(self._stale.intersection(self._windows(result))):
            return f"the preference data of {stale[0].as_of} was assembled from other data"
        return None

    def _windows(self, result: LisResult) -> list[TableWindow]:
        """The tables that a result was computed from."""
        days = set(DayRange.parse(result.as_of).days)
        if self._mode != Mode.SWAP:
            for day in sorted(days):
                days.update(self._fit_days(day))
        return [TableWindow(day, n) for day in days for n in {KNOWN_AT_T, result.horizon}]

    def _fit_days(self, day: date) -> list[date]:
        try:
            return fit_days(self._scenario, self._rankers, day)
        except InputError:
            return []


def _scoring(lake: Lake, scenario: Scenario, mode: Mode, kind: PreferenceKind) -> Scoring:
    if mode == Mode.SWAP:
        return swap_scoring(lake, scenario, [kind])
    fitted = Probe(scenario.fit.days) if mode == Mode.PROBE else Retrain(scenario.retrain)
    return fitted_scoring(lake, scenario, fitted, [kind])


def _stale_tables(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, windows: Sequence[TableWindow]
) -> set[TableWindow]:
    try:
        return stale_tables(lake, scenario, kind, windows)
    except InputError:
        # Some of the data is gone, so the tables cannot be built anew.
        return set()
