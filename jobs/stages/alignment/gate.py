"""Stage ``gate``: let preference data pass that its newest LIS calls worth aligning."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.errors import InputError
from jobs.common.options import option
from jobs.common.outcome import mlflow_line
from jobs.scenarios import Scenario
from jobs.stages.alignment.request import AlignmentRequestOptions
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.gate.decide import GateDecision
    from jobs.lake import Lake
    from jobs.tracking.log_results import LoggedRun

log = logging.getLogger("jobs")


def _reason_or_none(text: str) -> str | None:
    return text or None


@dataclass(frozen=True, kw_only=True)
class GateOptions(AlignmentRequestOptions):
    """What is to be aligned, and a reason to align it whatever its LIS says."""

    # The form of a DAG leaves it empty.
    force: str | None = option(
        _reason_or_none,
        "why the data is aligned although no LIS speaks for it; recorded with the decision",
        metavar="REASON",
    )


def decide(
    lake: Lake, scenario: Scenario, preferences: Iterable[str], as_of: date, force: str | None
) -> list[tuple[GateDecision, LoggedRun | None]]:
    """Decide on kinds of preference data, and record each decision in the lake and in MLflow.

    Args:
        lake: Holds the results; decisions are recorded in it.
        scenario: The feed and its ranker.
        preferences: Names of the kinds.
        as_of: The evaluation day.
        force: Why they may be aligned although no result speaks for them; None to refuse them then.

    Returns:
        Each decision with its run in MLflow; None where there is no result to log it under, or
        MLflow does not take it yet.

    Raises:
        InputError: If ``force`` is blank.
    """
    from jobs.gate.decide import gate_decision
    from jobs.gate.record import record_decision
    from jobs.tracking.spool.log_spooled import log_gate_decision

    decided = []
    for preference in preferences:
        decision = gate_decision(lake, scenario, preference, as_of, force)
        record_decision(lake, scenario, decision)
        run = log_gate_decision(lake, scenario, decision)
        if decision.ground is None:
            log.info("%s: recorded in the lake alone, as no LIS is there to log it under", decision)
        decided.append((decision, run))
    return decided


def require_open(decisions: Iterable[GateDecision]) -> None:
    """Do nothing if the gate is open to all.

    Raises:
        InputError: If a kind of preference data is refused; the message says why and the way out.
    """
    refused = [decision for decision in decisions if not decision.opens]
    if not refused:
        return
    reasons = "; ".join(f"{one.preference}: {one.reason}" for one in refused)
    ways_out = "; ".join(dict.fromkeys(one.way_out for one in refused))
    raise InputError(f"the gate is closed: {reasons}. To go on, {ways_out}")


def _run(lake: Lake, scenario: Scenario, options: GateOptions) -> None:
    from jobs.lake.addresses import encoder_partition

    request = options.request(lake, scenario)
    names = [kind.name for kind in request.kinds]
    decided = decide(lake, scenario, names, request.days.last, options.force)
    for _, run in decided:
        if run is not None:
            print(mlflow_line(run.url))
    to_align = []
    for decision, _ in decided:
        print(decision)
        if not lake.is_published(
            encoder_partition(scenario, decision.preference, request.aligned_at)
        ):
            to_align.append(decision)
        elif not decision.opens:
            print(f"Nothing is aligned, as the encoder of {request.aligned_at} is there.")
    require_open(to_align)


GATE = Stage(
    name="gate",
    summary="let preference data pass that its newest LIS calls worth aligning",
    options=GateOptions,
    run=_run,
    needs=("lis",),
    publishes=("gate",),
    logs_mlflow_run=True,
)
