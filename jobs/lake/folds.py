"""Assignment of impressions to folds. The shares of a scenario are fixed at its first ingest."""

from __future__ import annotations

import json
from hashlib import md5

from jobs.common.errors import InputError
from jobs.lake.lake import Lake
from jobs.scenarios import Fold, FoldShares, Scenario

HASH_DIGITS = 8
HASH_RANGE = 16**HASH_DIGITS


def fold_bounds(shares: FoldShares) -> tuple[int, int]:
    """Upper bounds of the lineage and the fit fold within the hash range, exclusive."""
    lineage = round(shares.lineage * HASH_RANGE)
    return lineage, round((shares.lineage + shares.fit) * HASH_RANGE)


def fold_of(scenario: Scenario, impression_id: str | int) -> Fold:
    """Fold of one impression, from the first 32 bits of MD5 of ``<scenario>/<impression_id>``.

    This is the definition; ``jobs.ingest.row_validation`` computes the same in Spark.
    """
    text = f"{scenario.name}/{impression_id}".encode()
    value = int(md5(text, usedforsecurity=False).hexdigest()[:HASH_DIGITS], 16)
    first, second = fold_bounds(scenario.folds)
    return tuple(Fold)[(value >= first) + (value >= second)]


def pin_folds(lake: Lake, scenario: Scenario) -> None:
    """Store the fold shares at first use, and refuse different ones later.

    Raises:
        InputError: If the lake has this scenario with other shares.
    """
    path = f"_scenarios/{scenario.name}.json"
    content = json.dumps({"folds": scenario.folds.model_dump()}, sort_keys=True).encode() + b"\n"
    with lake.storage.lock(f"_claims/{path}.lock"):
        stored = lake.storage.read(path)
        if stored is None:
            lake.storage.replace(path, content)
        elif stored != content:
            pinned = json.loads(stored)["folds"]
            raise InputError(
                f"scenario {scenario.name}: folds are {pinned} in this lake and never change, but "
                f"the scenario has {scenario.folds.model_dump()}: restore them, or give the "
                "scenario another name"
            )
