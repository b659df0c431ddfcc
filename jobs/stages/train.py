"""Stage ``train``: extend the daily lineage of rankers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import parse_day
from jobs.common.options import option
from jobs.scenarios import Scenario
from jobs.stages.ingest import last_ingested_day
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


def _day_or_none(text: str) -> date | None:
    return parse_day(text) if text else None


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The days to train on."""

    until: date | None = option(parse_day, "last day to train on (default: last ingested)")
    # The form of a DAG leaves it empty.
    since: date | None = option(
        _day_or_none, "first day of a new ranker's lineage (default: first ingested)"
    )


def train_lineage(
    lake: Lake, scenario: Scenario, options: TrainOptions, *, restart: bool = False
) -> None:
    """Extend the lineage through a day; a new lineage begins at ``options.since``.

    If item vectors are imported, there is nothing to train.

    Args:
        lake: Holds impressions and histories; checkpoints are published to it.
        scenario: The feed and its ranker.
        options: The days to train on.
        restart: Whether to train this ranker again from its first day.

    Raises:
        InputError: If no day is ingested, or the lineage cannot reach the last one.
    """
    if scenario.snapshots is not None:
        log.info("%s: item vectors are imported, so no lineage is trained", scenario.name)
        return
    from jobs.lake.addresses import checkpoint_days
    from jobs.ranker.distributed.process_group import is_leader
    from jobs.ranker.lineage import extend_lineage

    last = options.until or last_ingested_day(lake, scenario)
    done = extend_lineage(lake, scenario, last, restart=restart, since=options.since)
    if not is_leader():
        return
    newest = checkpoint_days(lake, scenario)[-1]
    log.info("%s: trained %d days; the newest ranker is of %s", scenario.name, len(done), newest)


TRAIN = Stage(
    name="train",
    summary="extend the daily lineage of rankers",
    options=TrainOptions,
    run=train_lineage,
    needs=("impressions", "items", "history", "statistics"),
    publishes=("checkpoints",),
    on_gpu=True,
    in_processes=True,
)
