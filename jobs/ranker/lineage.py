"""The lineage: M_0 -> M_1 -> ..., each ranker trained from the previous one on one more day.

Each checkpoint is published before the next day begins, and its bytes depend only on the previous
checkpoint and the day's rows. So training can stop anywhere and resume with identical results.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial

import torch
from tqdm import tqdm

from jobs.common.errors import InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import (
    checkpoint_days,
    checkpoint_partition,
    ranker_keys,
    ranker_version,
)
from jobs.ranker.distributed.process_group import join_processes, process_count, quiet_logging
from jobs.ranker.model.checkpoint import read_checkpoint, write_checkpoint
from jobs.ranker.model.device import default_device
from jobs.ranker.model.ranker import new_ranker
from jobs.ranker.rows.read_day import require_day
from jobs.ranker.training.current_rankers import checkpoint_inputs, first_inputs
from jobs.ranker.training.kept_checkpoints import PROCESSES, restore_checkpoints
from jobs.ranker.training.train_day import TrainDay, train_day
from jobs.ranker.training.train_next import train_next
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command

_ONE_DAY = timedelta(days=1)


def extend_lineage(
    lake: Lake,
    scenario: Scenario,
    until: date,
    *,
    restart: bool = False,
    since: date | None = None,
    progress: bool = True,
) -> list[date]:
    """Train each day through ``until`` whose checkpoint is missing or stale.

    Every ranker version has a lineage of its own, stored beside those of other versions. A new
    lineage begins at ``since``, by default at the first day that has a history. A checkpoint is
    current while its parent and its day's rows are unchanged; from the first stale one on, all days
    are trained again.

    If torchrun has started several processes, they train together and all return the same days.

    Args:
        lake: Where rows and checkpoints are stored.
        scenario: The scenario whose ranker is trained.
        until: Last day to train on.
        restart: Train this version again from its first day, or from ``since``.
        since: First day of a new lineage. Not needed again once the lineage exists.
        progress: Show the day and its AUC on stderr.

    Returns:
        The days that were trained, ascending.

    Raises:
        InputError: If a day in between has no impressions or history, if the version's lineage
            begins on another day than ``since`` and ``restart`` is not given, or if torchrun has
            started several processes and they cannot train together.
    """
    extend = partial(_extend, lake, scenario, until, restart, since, progress)
    if process_count() == 1:
        return extend(train_day, default_device())
    try:
        with quiet_logging():
            from jobs.ranker.distributed.table_shard import HOST
            from jobs.ranker.distributed.train_sharded import follow, lead
    except ImportError as error:
        raise InputError(
            f"training in {process_count()} processes needs TorchRec ({error}): run make "
            "setup-sharded, on GPUs pip install 'leakage-impact-score[sharded]', or train without "
            "torchrun"
        ) from error
    with join_processes() as processes:
        if processes.rank > 0:
            return follow(processes, lake, scenario)
        with lead(processes, scenario.ranker) as train_together:
            return extend(train_together, HOST)


def _extend(
    lake: Lake,
    scenario: Scenario,
    until: date,
    restart: bool,
    since: date | None,
    progress: bool,
    train: TrainDay,
    device: torch.device,
) -> list[date]:
    """Like ``extend_lineage``, with the function that trains a day and the ranker's device."""
    days = _days(lake, scenario, _first_day(lake, scenario, since, restart), until)
    data = {day: require_day(lake, scenario, day) for day in days}
    parent, stale = _last_current(lake, scenario, data, restart)
    if not stale:
        return []
    together = {PROCESSES: process_count()} if process_count() > 1 else {}
    if parent is not None:
        restore_checkpoints(lake, scenario, stale[:1])
        ranker = read_checkpoint(lake, scenario, stale[0], device)
    else:
        ranker = new_ranker(scenario, device)
        _forget_before(lake, scenario, days[0])
        inputs = first_inputs(lake, scenario, days[0])
        parent = write_checkpoint(lake, scenario, days[0], ranker, inputs, {})
    # In a file, a line every ten seconds.
    interval = 0.1 if sys.stderr.isatty() else 10
    with tqdm(
        stale,
        desc=f"train {scenario.name}",
        unit="day",
        mininterval=interval,
        disable=not progress,
    ) as bar:
        for day in bar:
            facts = train_next(ranker, lake, scenario, day, train) | together
            inputs = checkpoint_inputs(scenario, parent, data[day])
            parent = write_checkpoint(lake, scenario, day + _ONE_DAY, ranker, inputs, facts)
            bar.set_postfix(day=day.isoformat(), auc=facts["auc"])
    return stale


def _first_day(lake: Lake, scenario: Scenario, since: date | None, restart: bool) -> date | None:
    """First day of the version's lineage; None if no day has a history."""
    first = next(iter(checkpoint_days(lake, scenario)), None)
    if since is not None and first not in (None, since) and not restart:
        raise InputError(
            f"the lineage of {scenario.name} as {ranker_version(scenario)} begins on {first}, not "
            f"on {since}: omit --since, or add --restart to train it again from {since}"
        )
    return since or first or next(iter(lake.days("history", scenario.name)), None)


def _days(lake: Lake, scenario: Scenario, first: date | None, until: date) -> list[date]:
    history = next(iter(lake.days("history", scenario.name)), None)
    if first is None or history is None or min(first, until) < history:
        missing = "no history" if history is None else f"no history before {history}"
        day = until if first is None else min(first, until)
        raise InputError(
            f"scenario {scenario.name} has {missing}, so nothing can be trained on {day}: run "
            f"{ingest_command(scenario, end=until)}"
        )
    if until < first:
        raise InputError(
            f"the lineage of {scenario.name} as {ranker_version(scenario)} begins on {first}: "
            f"there is nothing to train until {until}; give a later day"
        )
    return [first + offset * _ONE_DAY for offset in range((until - first).days + 1)]


def _forget_before(lake: Lake, scenario: Scenario, first: date) -> None:
    """Remove what the version's previous lineage has published for days before its new start."""
    for day in checkpoint_days(lake, scenario):
        if day < first:
            for table in ("snapshots", "checkpoints"):
                partition = Partition(table, scenario.name, day, ranker_keys(scenario))
                lake.forget(partition)


def _last_current(
    lake: Lake,
    scenario: Scenario,
    data: Mapping[date, Mapping[str, Manifest]],
    restart: bool,
) -> tuple[Manifest | None, list[date]]:
    """Find the newest current checkpoint, None if there is none, and the days to train after it."""
    days = list(data)
    parent = lake.manifest(checkpoint_partition(scenario, days[0]))
    if restart or parent is None or parent.inputs != first_inputs(lake, scenario, days[0]):
        return None, days
    for position, day in enumerate(days):
        child = lake.manifest(checkpoint_partition(scenario, day + _ONE_DAY))
        if child is None or child.inputs != checkpoint_inputs(scenario, parent, data[day]):
            return parent, days[position:]
        parent = child
    return parent, []
