"""``lis train``: extend the lineage and publish its item snapshots."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.day_range import DayRange
from jobs.common.options import flag, option
from jobs.lake import Lake
from jobs.ranker.distributed.process_group import is_leader
from jobs.scenarios import load_scenario
from jobs.stages.assemble import publish_snapshots
from jobs.stages.train import TrainOptions, train_lineage

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class _Options(TrainOptions, ScenarioOptions):
    restart: bool = flag("train this ranker again from its first day")
    restore: DayRange | None = option(
        DayRange.parse,
        "only make the rankers of these days again that were removed to save space: "
        "a day or FIRST:LAST",
        metavar="DAYS",
    )


def _run(options: _Options) -> None:
    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    if options.restore is not None:
        from jobs.ranker.training.kept_checkpoints import restore_checkpoints

        done = restore_checkpoints(lake, scenario, options.restore)
        log.info("%s: made %d rankers again", scenario.name, len(done))
        return
    train_lineage(lake, scenario, options, restart=options.restart)
    # Of several processes that torchrun has started, one makes the snapshots.
    if is_leader():
        publish_snapshots(lake, scenario, options.until)


TRAIN = Command(
    name="train",
    summary="extend the lineage, publish snapshots",
    options=_Options,
    run=_run,
    details="Goes on from the newest checkpoint. In several processes:\n"
    "  torchrun --nproc-per-node 2 -m jobs train --scenario S",
    in_processes=True,
)
