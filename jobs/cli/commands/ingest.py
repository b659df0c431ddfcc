"""``lis ingest``: raw log to tables of the lake."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.errors import InputError
from jobs.common.options import flag
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.ingest import IngestOptions, ingest_late_days, ingest_log


@dataclass(frozen=True, kw_only=True)
class _Options(IngestOptions, ScenarioOptions):
    late: bool = flag(
        "read the days again whose raw files have changed since they were ingested, and no others"
    )


def _run(options: _Options) -> None:
    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    if not options.late:
        ingest_log(lake, scenario, options)
        return
    if options.start is not None or options.end is not None:
        raise InputError("--late finds its days by itself: give it without --start and --end")
    ingest_late_days(lake, scenario, options.raw)


INGEST = Command(
    name="ingest",
    summary="raw log to impressions, click histories and statistics of what came before",
    options=_Options,
    run=_run,
    details="Rows that break the contract go to the table quarantine, with the reason.\n"
    "Several days whose rows all have one label are refused.\n"
    "A day that was ingested before is replaced.",
)
