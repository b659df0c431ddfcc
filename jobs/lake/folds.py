"""Assignment of impressions to folds. The shares of a scenario are fixed at its first ingest."""

from __future__ import annotations

import json
from hashlib import md5

from jobs.common.errors import InputError
from jobs.lake.lake import Lake
from jobs.scenarios import Fold, FoldShares, Scenario
from jobs.scenarios.hints import ingest_command

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
        InputError: If the lake has this scenario with other shares, or their file is damaged.
    """
    path = f"_scenarios/{scenario.name}.json"
    content = json.dumps({"folds": scenario.folds.model_dump()}, sort_keys=True).encode() + b"\n"
    with lake.storage.lock(f"_claims/{path}.lock"):
        stored = lake.storage.read(path)
        if stored is None and not lake.storage.create(path, content):
            stored = lake.storage.read(path)
        if stored is not None and stored != content:
            pinned = _pinned(stored)
            if pinned is None:
                raise InputError(
                    f"{lake.storage.shown(path)} is damaged: if the folds of {scenario.name} are "
                    f"what they were at its first ingest, remove it and run "
                    f"{ingest_command(scenario)}"
                )
            raise InputError(
                f"scenario {scenario.name}: folds are {pinned.model_dump()} in this lake and never "
                f"change, but the scenario has {scenario.folds.model_dump()}: restore them, or "
                "give the scenario another name"
            )


def _pinned(content: bytes) -> FoldShares | None:
    """The stored shares; None if the file is damaged."""
    try:
        return FoldShares.model_validate(json.loads(content.decode())["folds"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
