"""The gate: whether preference data may be aligned, by what its newest LIS says.

An alignment takes a cluster for weeks, and LIS is the upper bound of what it brings. So the gate
opens where a verdict is *worth aligning*, or where a user forces it and says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.evaluation.verdict.decision import BY_WORTH, Verdict
from jobs.gate.newest_results import newest_results
from jobs.lake import Lake
from jobs.lake.addresses import ranker_version
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

LONGEST_REASON = 1000
"""Characters of a user's reason; MLflow takes 8,000 together with what is written around it."""


class Outcome(StrEnum):
    """What the gate decides."""

    PASSED = "passed"
    REFUSED = "refused"
    FORCED = "forced"


@dataclass(frozen=True)
class GateDecision:
    """A decision on one kind of preference data.

    Attributes:
        as_of: The evaluation day that the data would be aligned for.
        reason: A clause that begins with a small letter and ends without a full stop.
        ground: The result on which it rests, with its verdict corrected for the number of results
            of its date; None if there is no result.
        forced_because: The user's reason; empty unless the decision is forced.
        way_out: What a user can do about a refusal.
    """

    scenario: str
    ranker_version: str
    preference: str
    as_of: date
    outcome: Outcome
    reason: str
    ground: LisResult | None = None
    forced_because: str = ""
    way_out: str = ""

    @property
    def opens(self) -> bool:
        """Whether the preference data may be aligned."""
        return self.outcome != Outcome.REFUSED

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        ground = None if self.ground is None else self.ground.to_dict()
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**own, "as_of": self.as_of.isoformat(), "ground": ground}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> GateDecision:
        """Return the decision that ``to_dict`` described."""
        ground = content["ground"]
        return cls(
            **{
                **content,
                "as_of": date.fromisoformat(content["as_of"]),
                "outcome": Outcome(content["outcome"]),
                "ground": None if ground is None else LisResult.from_dict(ground),
            }
        )

    def __str__(self) -> str:
        because = f" because {self.forced_because}" if self.forced_because else ""
        return f"{self.preference} as of {self.as_of}: {self.outcome}{because}: {self.reason}"


def gate_decision(
    lake: Lake, scenario: Scenario, preference: str, as_of: date, force: str | None = None
) -> GateDecision:
    """Decide whether preference data may be aligned for an evaluation day.

    It may if one of its newest results, of any mode and horizon, is worth aligning: see
    ``newest_results``.

    Args:
        lake: Holds the results.
        scenario: The scenario, whose ranker version counts.
        preference: Name of a kind of preference data.
        as_of: The evaluation day.
        force: Why it may be aligned although no result speaks for it; None to refuse it then.

    Raises:
        InputError: If ``force`` is blank or long.
    """
    if force is not None:
        _check_reason(force)
    results = newest_results(lake, scenario, preference, as_of)
    passing = [result for result in results if result.verdict == Verdict.WORTH_ALIGNING]
    ground = min(passing or results, key=_order, default=None)
    outcome, forced_because = Outcome.REFUSED, ""
    if passing:
        outcome = Outcome.PASSED
    elif force is not None:
        outcome, forced_because = Outcome.FORCED, " ".join(force.split())
    way_out = (
        "give a reason in --force, or in the field force of the form, to align it all the same"
    )
    reason = f"no LIS of it is stored as of {as_of} or earlier"
    if ground is not None:
        reason = _reason(ground)
    else:
        way_out = f"run {lis_command('lis', scenario, as_of=as_of, preference=preference)}"
    return GateDecision(
        scenario=scenario.name,
        ranker_version=ranker_version(scenario),
        preference=preference,
        as_of=as_of,
        outcome=outcome,
        reason=reason,
        ground=ground,
        forced_because=forced_because,
        way_out=way_out,
    )


def _check_reason(force: str) -> None:
    if not force.strip():
        raise InputError("force: the reason is blank; say why it is aligned all the same")
    if len(force) > LONGEST_REASON:
        raise InputError(
            f"force: the reason has {len(force)} characters; say it in {LONGEST_REASON}"
        )


def _order(result: LisResult) -> tuple[int, float, str, int]:
    """Return the place of a result among those that a decision could rest on; the least is taken.

    It is the one of most worth; among equals the one with the highest lower bound.
    """
    low = result.deciding.ci_low
    place = BY_WORTH.index(Verdict(result.verdict))
    return place, math.inf if math.isnan(low) else -low, result.mode, result.horizon


def _reason(ground: LisResult) -> str:
    what = f"{ground.mode}, n = {ground.horizon}, as of {ground.as_of}"
    reason = f"LIS {_difference(ground)} ({what}) is {ground.verdict}"
    if ground.verdict_reason and ground.verdict != Verdict.WORTH_ALIGNING:
        reason += f": {ground.verdict_reason}"
    needed = ground.rows_needed
    if ground.verdict == Verdict.INCONCLUSIVE and needed is not None:
        reason += f"; about {needed:,} held-out rows would decide, it has {ground.rows:,}"
    return reason


def _difference(result: LisResult) -> str:
    found = result.estimate
    if not found.has_interval:
        return "without an interval"
    return f"{found.value:+.4f} ({found.ci_low:+.4f} to {found.ci_high:+.4f})"
