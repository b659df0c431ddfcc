"""``lis ingest``: raw log to tables of the lake."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.ingest import IngestOptions, ingest_log


@dataclass(frozen=True, kw_only=True)
class _Options(IngestOptions, ScenarioOptions):
    pass


def _run(options: _Options) -> None:
    ingest_log(Lake.from_environment(), load_scenario(options.scenario), options)


INGEST = Command(
    name="ingest",
    summary="raw log to impressions, click histories and statistics of what came before",
    options=_Options,
    run=_run,
    details="Rows that break the contract go to the table quarantine, with the reason.\n"
    "Several days whose rows all have one label are refused.\n"
    "A day that was ingested before is replaced.",
)
