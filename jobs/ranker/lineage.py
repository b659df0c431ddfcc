"""The lineage: M_0 -> M_1 -> ..., each trained from the last on one more day.

A day is published before the next is begun, and its bytes follow from the last checkpoint and the
day's rows alone. So the work can stop anywhere and be taken up again with equal results.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score
from tqdm import tqdm

from jobs.common.errors import InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import (
    checkpoint_days,
    checkpoint_partition,
    ranker_keys,
    ranker_version,
)
from jobs.ranker.distributed.process_group import joined, process_count, quiet
from jobs.ranker.model.checkpoint import read_checkpoint, write_checkpoint
from jobs.ranker.model.custom_network import seeded
from jobs.ranker.model.device import default_device
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.rows.read_day import SEEN_ROWS, read_day, require_day
from jobs.ranker.scoring.score_day import BASELINE, score_rows
from jobs.ranker.training.train_day import TrainDay, train_day
from jobs.scenarios import Fold, Scenario

_VALIDATED = (Fold.EVAL, Fold.LINEAGE)
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
    """Train each day through ``until`` whose checkpoint is missing or stale; return these days.

    Every ranker version has a lineage of its own, beside those of other versions. It begins at
    ``since``, else at the first day with a history, and its first checkpoint remembers that. A
    checkpoint is current while its parent and its day's rows are; after the first that is not,
    all are trained again.

    Where torchrun has started several processes, they train together and all return the same.

    Args:
        restart: train this version again from its first day, or from ``since``.
        since: first day of a new lineage. Not needed again once the lineage has begun.
        progress: show the day and its AUC on stderr.

    Raises:
        InputError: a day in between has no impressions or history, or the version's lineage
            begins at another day than ``since`` and ``restart`` is not given; several processes
            are to train and cannot.
    """
    extend = partial(_extend, lake, scenario, until, restart, since, progress)
    if process_count() == 1:
        return extend(train_day, default_device())
    try:
        with quiet():
            from jobs.ranker.distributed.table_shard import HOST
            from jobs.ranker.distributed.train_sharded import follow, lead
    except ImportError as error:
        raise InputError(
            f"training in {process_count()} processes needs TorchRec ({error}): run pip install "
            "--no-deps -r requirements-sharded.txt, or train without torchrun"
        ) from error
    with joined() as processes:
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
    """As ``extend_lineage``, with what trains on a day, and rankers on this device."""
    days = _days(lake, scenario, _first_day(lake, scenario, since, restart), until)
    data = {day: require_day(lake, scenario, day) for day in days}
    parent, stale = _last_current(lake, scenario, data, restart)
    if not stale:
        return []
    if parent is not None:
        ranker = read_checkpoint(lake, scenario, stale[0], device)
    else:
        ranker = new_ranker(scenario, device)
        _forget_before(lake, scenario, days[0])
        parent = write_checkpoint(lake, scenario, days[0], ranker, _inputs(scenario), {})
    with tqdm(stale, desc=f"train {scenario.name}", unit="day", disable=not progress) as bar:
        for day in bar:
            facts = _train_one(ranker, lake, scenario, day, train)
            inputs = _inputs(scenario, parent, *data[day])
            parent = write_checkpoint(lake, scenario, day + _ONE_DAY, ranker, inputs, facts)
            bar.set_postfix(day=day.isoformat(), auc=facts["auc"])
    return stale


def _first_day(lake: Lake, scenario: Scenario, since: date | None, restart: bool) -> date | None:
    """The day at which the version's lineage begins; None for no day at all."""
    begun = next(iter(checkpoint_days(lake, scenario)), None)
    if since is not None and begun not in (None, since) and not restart:
        raise InputError(
            f"the lineage of {scenario.name} as {ranker_version(scenario)} begins on {begun}, not "
            f"on {since}: leave out --since, or add --restart to train it again from {since}"
        )
    return since or begun or next(iter(lake.days("history", scenario.name)), None)


def _days(lake: Lake, scenario: Scenario, first: date | None, until: date) -> list[date]:
    history = next(iter(lake.days("history", scenario.name)), None)
    if first is None or history is None or min(first, until) < history:
        begin = "no day at all" if history is None else f"no day before {history}"
        asked = until if first is None else min(first, until)
        raise InputError(
            f"scenario {scenario.name} has a history of {begin}, so nothing can be trained on "
            f"{asked}: run python -m jobs ingest --scenario {scenario.name} --start D --end {until}"
        )
    if until < first:
        raise InputError(
            f"the lineage of {scenario.name} as {ranker_version(scenario)} begins on {first}: "
            f"nothing can be trained until {until}, ask for a later day"
        )
    return [first + offset * _ONE_DAY for offset in range((until - first).days + 1)]


def _forget_before(lake: Lake, scenario: Scenario, first: date) -> None:
    """A lineage that is begun anew at a later day keeps nothing of the days before."""
    for day in checkpoint_days(lake, scenario):
        if day < first:
            for table in ("snapshots", "checkpoints"):
                made = Partition(table, scenario.name, day, ranker_keys(scenario))
                lake.storage.remove(made.path)


def _last_current(
    lake: Lake,
    scenario: Scenario,
    data: Mapping[date, tuple[Manifest, Manifest]],
    restart: bool,
) -> tuple[Manifest | None, list[date]]:
    """The newest current checkpoint, None where there is none, and the days to train after it."""
    days = list(data)
    parent = lake.manifest(checkpoint_partition(scenario, days[0]))
    if restart or parent is None or parent.inputs != _inputs(scenario):
        return None, days
    for position, day in enumerate(days):
        found = lake.manifest(checkpoint_partition(scenario, day + _ONE_DAY))
        if found is None or found.inputs != _inputs(scenario, parent, *data[day]):
            return parent, days[position:]
        parent = found
    return parent, []


def _inputs(
    scenario: Scenario,
    parent: Manifest | None = None,
    impressions: Manifest | None = None,
    history: Manifest | None = None,
) -> dict[str, str]:
    """What a checkpoint is made from; the first one is made from the ranker's design alone."""
    made_from = {"parent": parent, "impressions": impressions, "history": history}
    digests = {name: manifest.digest if manifest else "" for name, manifest in made_from.items()}
    return {**digests, "ranker": ranker_version(scenario)}


def _train_one(
    ranker: Ranker, lake: Lake, scenario: Scenario, day: date, train: TrainDay
) -> dict[str, Any]:
    """Validate M_D on its day before it trains on it, then train."""
    rows = read_day(lake, scenario, day, _VALIDATED, SEEN_ROWS)
    validated = score_rows(ranker, scenario, rows, {})
    labels = validated.rows["label"].to_numpy()
    scores = validated.scores[BASELINE]
    two_classes = len(np.unique(labels)) == 2
    with seeded(ranker.options.seed, day.toordinal(), device=ranker.device):
        trained = train(ranker, lake, scenario, day)
    return {
        "auc": float(roc_auc_score(labels, scores)) if two_classes else None,
        "logloss": float(log_loss(labels, scores, labels=[0, 1])) if len(labels) else None,
        "rows": trained,
    }
