"""``lis rebuild``: a damaged partition of the lake, made again."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.options import argument, option
from jobs.lake import Lake, Partition
from jobs.scenarios import load_scenario
from jobs.stages.upkeep.rebuild import rebuild


@dataclass(frozen=True, kw_only=True)
class _Options(ScenarioOptions):
    partition: Partition = argument(
        Partition.parse, "a partition's path in the lake, as errors name it", metavar="PARTITION"
    )
    raw: str | None = option(str, "path or URI of the log (default: data/raw/SCENARIO)")


_DETAILS = """\
Every file of the lake is compared with its manifest before it is read. One that was changed, cut,
swapped or removed is refused, and the error names this command. It makes the partition again from
what it was made from, and leaves one alone whose files are sound. Impressions, items and quarantine
are read from the log.

  lis rebuild impressions/scenario=S/ds=2026-01-31 --scenario S
"""


def _run(options: _Options) -> None:
    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    outcome = rebuild(lake, scenario, options.partition, options.raw)
    print(f"{options.partition} {outcome.value}")


REBUILD = Command(
    name="rebuild",
    summary="make a damaged partition of the lake again",
    options=_Options,
    run=_run,
    details=_DETAILS,
)
