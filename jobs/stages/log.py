"""Stage ``log``: log to MLflow what waits in the lake because MLflow did not take it before."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.scenarios import Scenario
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake
    from jobs.tracking.log_results import LoggedRun

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """None: all that waits is logged."""


def log_waiting(lake: Lake, scenario: Scenario) -> list[LoggedRun]:
    """Log all that waits, each run once, whichever day it is of.

    Raises:
        ServiceUnavailable: If MLflow does not answer.
        InputError: If MLflow cannot be used, or refuses something.
    """
    from jobs.tracking.spool.entries import Spool

    waiting = len(Spool(lake, scenario.name).entries())
    if not waiting:
        log.info("%s: nothing waits to be logged to MLflow", scenario.name)
        return []
    # MLflow takes seconds to import.
    from jobs.tracking.spool.log_spooled import log_spooled

    runs = log_spooled(lake, scenario)
    written = sum(run.written for run in runs)
    log.info("%s: %d entries logged to MLflow, %d runs written", scenario.name, waiting, written)
    return runs


def _run(lake: Lake, scenario: Scenario, options: LogOptions) -> None:
    log_waiting(lake, scenario)


LOG = Stage(
    name="log",
    summary="log to MLflow what it did not take before",
    options=LogOptions,
    run=_run,
    runs_always=True,
)
