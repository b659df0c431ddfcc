"""The lineage: M_0 -> M_1 -> ..., each trained from the last on one more day.

A day is published before the next is begun, and its bytes follow from the last checkpoint and the
day's rows alone. So the work can stop anywhere and be taken up again with equal results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score
from tqdm import tqdm

from jobs.errors import InputError
from jobs.lake import Lake, Manifest
from jobs.ranker.checkpoint import checkpoint_partition, read_checkpoint, write_checkpoint
from jobs.ranker.day import read_day, require_day
from jobs.ranker.score import BASELINE, score_rows
from jobs.ranker.state import Ranker, new_ranker
from jobs.ranker.train import train_day
from jobs.ranker.version import ranker_version
from jobs.scenarios import Scenario

_VALIDATED = ("eval", "lineage")
_ONE_DAY = timedelta(days=1)


def extend_lineage(
    lake: Lake, scenario: Scenario, until: date, *, restart: bool = False, progress: bool = True
) -> list[date]:
    """Train each day through ``until`` whose checkpoint is missing or stale; return these days.

    The lineage begins at the first day with a history. A checkpoint is current while its parent,
    its day's rows and the ranker's design are; after the first that is not, all are trained again.

    Args:
        restart: train again from the first day, over the checkpoints of another ranker design.
        progress: show the day and its AUC on stderr.

    Raises:
        InputError: a day in between has no impressions or history, or the published checkpoints
            are of another ranker design and ``restart`` is not given.
    """
    days = _days(lake, scenario, until)
    data = {day: require_day(lake, scenario, day) for day in days}
    if not restart:
        _refuse_other_design(lake, scenario, days)
    parent, stale = _last_current(lake, scenario, data, restart)
    if not stale:
        return []
    ranker = new_ranker(scenario) if parent is None else read_checkpoint(lake, scenario, stale[0])
    if parent is None:
        parent = write_checkpoint(lake, scenario, days[0], ranker, _inputs(scenario), {})
    with tqdm(stale, desc=f"train {scenario.name}", unit="day", disable=not progress) as bar:
        for day in bar:
            facts = _train_one(ranker, lake, scenario, day)
            inputs = _inputs(scenario, parent, *data[day])
            parent = write_checkpoint(lake, scenario, day + _ONE_DAY, ranker, inputs, facts)
            bar.set_postfix(day=day.isoformat(), auc=facts["auc"])
    return stale


def _days(lake: Lake, scenario: Scenario, until: date) -> list[date]:
    first = next(iter(lake.days("history", scenario.name)), None)
    if first is None or until < first:
        begin = "no day at all" if first is None else f"no day before {first}"
        raise InputError(
            f"scenario {scenario.name} has a history of {begin}, so nothing can be trained until "
            f"{until}: run python -m jobs ingest --scenario {scenario.name} --start D --end {until}"
        )
    return [first + offset * _ONE_DAY for offset in range((until - first).days + 1)]


def _refuse_other_design(lake: Lake, scenario: Scenario, days: Sequence[date]) -> None:
    """Look at the oldest checkpoint only: a restart that was cut short goes on without asking."""
    ends = [*days, days[-1] + _ONE_DAY]
    manifests = (lake.manifest(checkpoint_partition(scenario, day)) for day in ends)
    oldest = next((manifest for manifest in manifests if manifest is not None), None)
    version = ranker_version(scenario)
    if oldest is not None and oldest.inputs["ranker"] != version:
        raise InputError(
            f"checkpoints of {scenario.name} were trained as {oldest.inputs['ranker']}, its "
            f"config now asks for {version}: run python -m jobs train --scenario {scenario.name} "
            "--restart to train again from the first day, or take back the change"
        )


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


def _train_one(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> dict[str, Any]:
    """Validate M_D on its day before it trains on it, then train."""
    validated = score_rows(ranker, scenario, read_day(lake, scenario, day, _VALIDATED), {})
    labels = validated.rows["label"].to_numpy()
    scores = validated.scores[BASELINE]
    two_classes = len(np.unique(labels)) == 2
    return {
        "auc": float(roc_auc_score(labels, scores)) if two_classes else None,
        "logloss": float(log_loss(labels, scores, labels=[0, 1])) if len(labels) else None,
        "rows": train_day(ranker, lake, scenario, day),
    }
