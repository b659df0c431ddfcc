"""The search for a ranker's options: one after the other, each from the best so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

from tqdm import tqdm

from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import checkpoint_days
from jobs.scenarios import RankerOptions, Scenario
from jobs.scenarios.hints import ingest_command
from jobs.stats.pooled_difference import PooledComparison
from jobs.tuning.candidates import Value, changed, directions, with_option
from jobs.tuning.progressive import Validation, measured_days, validated

FEWEST_DAYS = 4


@dataclass(frozen=True)
class Candidate:
    """One ranker that was tried.

    Attributes:
        changed: Options that differ from the scenario's; none for the scenario's own ranker.
        to_default: Its AUC beside that of the scenario's own ranker.
        logloss: Mean log-loss, in nats per row.
        rows_per_second: Training rows; None if its validation was read back.
    """

    changed: Mapping[str, Value]
    to_default: PooledComparison
    logloss: float
    rows_per_second: float | None


@dataclass(frozen=True)
class Tuning:
    """What a search has found.

    Attributes:
        days: Days that every candidate was trained on, ascending.
        measured: Those of them that count.
        candidates: All that were tried, in order; the scenario's own ranker is the first.
        best: The one to use.
    """

    days: Sequence[date]
    measured: Sequence[date]
    candidates: Sequence[Candidate]
    best: Candidate


def tune(lake: Lake, scenario: Scenario, days: Sequence[date]) -> Tuning:
    """Search for the options of a scenario's ranker by progressive validation.

    A value replaces the best one so far if its AUC is higher by more than one standard error. What
    is validated is stored, so a search that was interrupted goes on where it stopped.

    Args:
        lake: Where rows are read, and validations are published.
        scenario: The scenario; its own options are where the search starts.
        days: Days to train on and to validate, ascending, without a gap.

    Raises:
        InputError: If a day is not ingested, or the days that count hold clicks or other rows
            alone.
    """
    search = _Search(lake, scenario, days)
    grid = directions(scenario.ranker, _usual_rows(lake, scenario, days))
    total = 1 + sum(len(direction.values) for direction in grid)
    with tqdm(total=total, desc=f"tune {scenario.name}", unit="ranker") as bar:
        search.start()
        bar.update()
        for direction in grid:
            for value in direction.values:
                bar.set_postfix_str(f"{direction.option} {value:g}")
                if not search.improves(direction.option, value):
                    break
            # Values beyond one that is no better are not tried, and count as done.
            bar.update(len(direction.values))
    return Tuning(days, measured_days(days), tuple(search.candidates), search.best)


def days_to_tune_on(
    lake: Lake, scenario: Scenario, until: date | None = None, most: int | None = None
) -> list[date]:
    """Return the days that a search may use: those before the first one that is scored.

    Args:
        lake: Tells which days are ingested and scored.
        scenario: The scenario.
        until: The day before which they end. By default the first day with a stored LIS; if there
            is none, the longest horizon before the last ingested day.
        most: Only the last days, this many.

    Raises:
        InputError: If there are fewer than ``FEWEST_DAYS``, or if item vectors are imported.
    """
    name = scenario.name
    if scenario.snapshots is not None:
        raise InputError(f"scenario {name} imports item vectors and trains no ranker to tune")
    with_history = lake.days("history", name)
    if not with_history:
        raise InputError(f"scenario {name} has no impressions: run {ingest_command(scenario)}")
    end = until or first_scored_day(lake, name)
    if end is None:
        end = with_history[-1] - timedelta(days=max(scenario.horizons))
    first = next(iter(checkpoint_days(lake, scenario)), with_history[0])
    days = [first + timedelta(days=number) for number in range(max((end - first).days, 0))]
    if len(days) < FEWEST_DAYS or (most is not None and most < FEWEST_DAYS):
        raise InputError(
            f"scenario {name} has {len(days)} days before {end}, and tuning needs {FEWEST_DAYS}: "
            "ingest earlier days, or give a later day with --until and score no day before it"
        )
    return days if most is None else days[-most:]


def first_scored_day(lake: Lake, scenario: str) -> date | None:
    """Return the first day of any stored LIS of a scenario, of whatever ranker."""
    first: list[date] = []
    for day in lake.days_with_any("lis", scenario):
        for keys in lake.keys_below("lis", scenario, day):
            pooled_from = dict(keys).get("pooled_from")
            first.append(date.fromisoformat(pooled_from) if pooled_from else day)
    return min(first, default=None)


@dataclass
class _Search:
    """The candidates so far, and the best of them."""

    lake: Lake
    scenario: Scenario
    days: Sequence[date]
    candidates: list[Candidate] = field(default_factory=list)

    def start(self) -> None:
        """Validate the scenario's own ranker.

        Raises:
            InputError: If its rows are of one class.
        """
        self._options = self.scenario.ranker
        self._default = self._best = self._validated(self._options)
        self.best = self._tried(self._options, self._default)
        if math.isnan(self.best.to_default.difference):
            raise InputError(
                f"scenario {self.scenario.name}: no day from {self.days[0]} to {self.days[-1]} has "
                "clicks and other rows of the lineage fold: choose other days by --until or --days"
            )

    def improves(self, option: str, value: Value) -> bool:
        """Try a value with the best options so far; keep it if it is better."""
        options = with_option(self._options, option, value)
        validation = self._validated(options)
        candidate = self._tried(options, validation)
        to_best = validation.compared_with(self._best, self.scenario.confidence)
        # NaN where a class comes from a single user: then nothing is better.
        if not to_best.difference > to_best.se:
            return False
        self._options, self._best, self.best = options, validation, candidate
        return True

    def _tried(self, options: RankerOptions, validation: Validation) -> Candidate:
        candidate = Candidate(
            changed(options, self.scenario.ranker),
            validation.compared_with(self._default, self.scenario.confidence),
            validation.logloss,
            validation.rows_per_second,
        )
        self.candidates.append(candidate)
        return candidate

    def _validated(self, options: RankerOptions) -> Validation:
        scenario = self.scenario.model_copy(update={"ranker": options})
        return validated(self.lake, scenario, self.days)


def _usual_rows(lake: Lake, scenario: Scenario, days: Sequence[date]) -> int:
    """Training rows of the median day."""
    found = [lake.manifest(Partition("impressions", scenario.name, day)) for day in days]
    rows = median([0 if manifest is None else manifest.rows for manifest in found])
    return round(rows * scenario.folds.lineage)
