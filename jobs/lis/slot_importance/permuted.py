"""Permutation importance (Breiman, 2001): the AUC a ranker loses when a slot's ids are permuted.

Ids are permuted among the held-out rows of one day, so a slot keeps its distribution and loses only
its relation to the row. For items, the candidate is permuted; click histories stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobs.lake import Lake
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.ranker.scoring.frozen_forward import logits
from jobs.ranker.scoring.starting_ranker import starting_ranker
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import Fold, Scenario
from jobs.stats.columns import encode_users
from jobs.stats.pooled_difference import PooledDifference

PERMUTATIONS = 5


def permutation_importances(
    lake: Lake, scenario: Scenario, days: Sequence[date]
) -> list[SlotImportance]:
    """Measure the importance of every slot.

    The rows of a day are scored by the ranker as of the start of that day. Days whose held-out rows
    have a single class are ignored.

    Returns:
        Importance of every slot, highest first, equal ones in table order; empty if no day has
        held-out rows of both classes.
    """
    pools: dict[str, PooledDifference] = {}
    measured = []
    restore_checkpoints(lake, scenario, days)
    known: Mapping[str, ItemVectors] = {}
    for day in days:
        ranker = starting_ranker(lake, scenario, day, known)
        known = ranker.item_vectors
        rows = read_day_rows(ranker, lake, scenario, day, (Fold.EVAL,))
        if len(np.unique(rows.labels)) < 2:
            continue
        measured.append(day)
        users = encode_users(rows.rows["user_id"])
        ranker_logits = logits(ranker, rows)[:, 0]
        for field, slot in enumerate(ranker.fields):
            permuted = np.stack(
                [
                    _permuted_logits(ranker, rows, field, [day.toordinal(), permutation, field])
                    for permutation in range(PERMUTATIONS)
                ]
            )
            pool = pools.setdefault(slot, PooledDifference())
            pool.add(rows.labels, permuted, np.broadcast_to(ranker_logits, permuted.shape), users)
    importances = [
        _importance(slot, pool, measured, scenario.confidence) for slot, pool in pools.items()
    ]
    return sorted(importances, key=lambda one: -one.importance)


def _permuted_logits(
    ranker: Ranker, rows: DayRows, field: int, seed: Sequence[int]
) -> NDArray[np.float32]:
    fields = rows.fields.copy()
    fields[:, field] = fields[np.random.default_rng(seed).permutation(len(rows)), field]
    return logits(ranker, replace(rows, fields=fields))[:, 0]


def _importance(
    slot: str, pool: PooledDifference, days: Sequence[date], level: float
) -> SlotImportance:
    lost = pool.result(level)
    return SlotImportance(
        slot=slot,
        importance=lost.difference,
        se=lost.se,
        ci_low=lost.ci_low,
        ci_high=lost.ci_high,
        rows=lost.rows,
        users=lost.users,
        first=days[0],
        last=days[-1],
    )
