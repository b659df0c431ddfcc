"""``lis janitor``: what of the lake need not be kept."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.upkeep.janitor import JanitorOptions, clean_lake


@dataclass(frozen=True, kw_only=True)
class _Options(JanitorOptions, ScenarioOptions):
    pass


def _run(options: _Options) -> None:
    clean_lake(Lake.from_environment(), load_scenario(options.scenario), options)


JANITOR = Command(
    name="janitor",
    summary="show what of the lake need not be kept, or remove it",
    options=_Options,
    run=_run,
    details="What stopped attempts have left for a day; files of rankers and item tables that no\n"
    "horizon needs, which can be made again to the same bytes; states that no late day is\n"
    "computed from; rows in quarantine older than retention.quarantine_days, and scores of single\n"
    "rows older than retention.predictions_days. Manifests that results name are never removed.",
)
