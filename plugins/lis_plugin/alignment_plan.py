"""What a run of an alignment does: for which days, on which data, with which encoders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError, NotDue
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command
from jobs.stages.alignment.request import alignment_kinds
from jobs.stages.request import DueScores, require_due
from plugins.lis_plugin.alignment_form import AlignmentForm

if TYPE_CHECKING:
    from jobs.gate.decide import GateDecision
    from jobs.lake import Lake

_LEAST_AGE = timedelta(days=7)
"""How old an encoder must be that is kept: rankers are fitted to the days since."""


@dataclass(frozen=True)
class PlannedAlignment:
    """An encoder and the days that it is evaluated on.

    Args:
        preference: Name of the preference data.
        aligned_at: Day S of the encoder.
        is_kept: Whether it was aligned by an earlier run.
    """

    preference: str
    aligned_at: date
    is_kept: bool


@dataclass(frozen=True)
class AlignmentPlan:
    """A run of an alignment.

    Args:
        days: Evaluation days.
        horizons: Days of leak whose LIS bounds what an encoder brings; their future has arrived.
        alignments: Those that the run makes.
        refused: What the gate refuses, of data that the form does not name and that has no encoder.
    """

    days: DayRange
    horizons: tuple[int, ...]
    alignments: tuple[PlannedAlignment, ...]
    refused: tuple[GateDecision, ...]

    def entries(self) -> list[dict[str, Any]]:
        """The alignments as plain values."""
        return [
            {
                **self.of_run(),
                "preference": one.preference,
                "aligned_at": one.aligned_at.isoformat(),
            }
            for one in self.alignments
        ]

    def of_run(self) -> dict[str, Any]:
        """What all alignments have in common, and all of their data, as plain values."""
        return {
            "as_of": str(self.days),
            "horizons": ",".join(map(str, self.horizons)),
            "preferences": ",".join(one.preference for one in self.alignments),
        }

    def nothing_passes(self) -> str:
        """Why there is nothing to align, in a line."""
        reasons = "; ".join(f"{one.preference}: {one.reason}" for one in self.refused)
        return f"no preference data passes the gate as of {self.days.last}: {reasons}"


def plan_alignment(
    lake: Lake, scenario: Scenario, form: AlignmentForm, *, keeps_encoders: bool
) -> AlignmentPlan:
    """Plan a run; nothing is written.

    Args:
        lake: Holds results, rankers and encoders.
        scenario: The scenario.
        form: What was filled in.
        keeps_encoders: Whether the newest encoder of a week or older is evaluated again, so that
            its decay shows, in place of one that is aligned for the evaluation days. It is also
            where the gate is closed to its data, since nothing is aligned.

    Raises:
        InputError: If a kind does not exist, there is no LIS to go by, the days have no ranker or
            no impressions, or the encoder would know its evaluation days.
    """
    from jobs.gate.decide import gate_decision
    from jobs.gate.newest_results import newest_date, scored_kinds

    chosen = [kind.name for kind in alignment_kinds(scenario, form.preferences)]
    scored = newest_date(lake, scenario, None if form.as_of is None else form.as_of.last)
    days = form.as_of
    if days is None and scored is not None:
        days = DayRange.of_day(scored)
    if days is None or (scored is None and not chosen):
        raise InputError(_no_lis(scenario, form))
    refused: list[GateDecision] = []
    if not chosen and scored is not None:
        decisions = [
            gate_decision(lake, scenario, name, days.last)
            for name in scored_kinds(lake, scenario, scored)
        ]
        for decision in decisions:
            name = decision.preference
            # A day has few rows, and most days alone pass no gate: the trend would have gaps.
            is_kept = keeps_encoders and _kept(lake, scenario, name, days) is not None
            if decision.opens or is_kept:
                chosen.append(name)
            else:
                refused.append(decision)
    horizons = _due(lake, scenario, days)
    alignments = [_planned(lake, scenario, name, days, form, keeps_encoders) for name in chosen]
    return AlignmentPlan(days, horizons, tuple(alignments), tuple(refused))


def _no_lis(scenario: Scenario, form: AlignmentForm) -> str:
    until = f" as of {form.as_of.last} or earlier" if form.as_of is not None else ""
    command = lis_command("lis", scenario, as_of=form.as_of or "T")
    return (
        f"no LIS of the present ranker of {scenario.name} is stored{until}: trigger the DAG "
        f"lis_daily__{scenario.name}, or run {command}"
    )


def _due(lake: Lake, scenario: Scenario, days: DayRange) -> tuple[int, ...]:
    """The scenario's days of leak whose future has arrived.

    Raises:
        InputError: If there are none, or no horizon can be scored on these days.
    """
    due, waiting = [], None
    for horizon in sorted(scenario.horizons, reverse=True):
        try:
            require_due(lake, scenario, DueScores(days, (horizon,)))
        except NotDue as error:
            waiting = error
        else:
            due.append(horizon)
    if waiting is not None and not due:
        raise waiting
    return tuple(sorted(due))


def _planned(
    lake: Lake,
    scenario: Scenario,
    preference: str,
    days: DayRange,
    form: AlignmentForm,
    keeps_encoders: bool,
) -> PlannedAlignment:
    from jobs.alignment.alignment_day import alignment_day

    if form.aligned_at is not None:
        if form.aligned_at >= days.first:
            raise InputError(
                f"aligned_at: an encoder of {form.aligned_at} would know the evaluation day "
                f"{days.first}: choose an earlier day"
            )
        return PlannedAlignment(preference, form.aligned_at, is_kept=False)
    kept = _kept(lake, scenario, preference, days) if keeps_encoders else None
    if kept is not None:
        return PlannedAlignment(preference, kept, is_kept=True)
    return PlannedAlignment(preference, alignment_day(lake, scenario, days.first), is_kept=False)


def _kept(lake: Lake, scenario: Scenario, preference: str, days: DayRange) -> date | None:
    """Day of the newest encoder that is old enough to be evaluated again; None if there is none."""
    from jobs.lake.addresses import encoder_days

    old = [
        day for day in encoder_days(lake, scenario, preference) if day <= days.first - _LEAST_AGE
    ]
    return old[-1] if old else None
