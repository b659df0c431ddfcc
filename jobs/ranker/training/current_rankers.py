"""Which rankers of a lineage are current: made from the log and the rankers as they are now.

Only manifests are read, and torch is not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, ranker_version
from jobs.lake.chain import chain_digests
from jobs.ranker.rows.read_day import ITEMS, day_tables, items_before
from jobs.scenarios import Scenario

_ONE_DAY = timedelta(days=1)
_ON_CLICKS = ("history", "statistics")
"""Tables of a day that are computed from all days up to it."""


def checkpoint_inputs(
    scenario: Scenario,
    parent: Manifest | None = None,
    tables: Mapping[str, Manifest] | None = None,
) -> dict[str, str]:
    """Digests of a checkpoint's inputs; see ``first_inputs`` for the first one of a lineage.

    Args:
        scenario: The ranker's scenario.
        parent: Manifest of M_D.
        tables: Manifests of the tables that the rows of day D are read from, by name.
    """
    digests = {name: manifest.digest for name, manifest in (tables or {}).items()}
    parent_digest = parent.digest if parent else ""
    return {"parent": parent_digest, **digests, "ranker": ranker_version(scenario)}


def first_inputs(lake: Lake, scenario: Scenario, day: date) -> dict[str, str]:
    """Digests of the inputs of the first checkpoint of a lineage: the ranker's design.

    Dense features of items that came before are input to the days that are trained on from it.

    Args:
        lake: Where the items are stored.
        scenario: The ranker's scenario.
        day: Day of the checkpoint.
    """
    items = {ITEMS: items_before(lake, scenario, day)} if scenario.ranker.dense_features else {}
    return {**checkpoint_inputs(scenario), **items}


@dataclass(frozen=True)
class StaleRanker:
    """The first ranker of a lineage that is not current, as are none of those after it.

    Attributes:
        day: Day D of M_D.
        why: What has changed since it was trained.
        needs_ingest: Whether click histories or statistics must be built anew before it is.
    """

    day: date
    why: str
    needs_ingest: bool = False


def first_stale_ranker(lake: Lake, scenario: Scenario) -> StaleRanker | None:
    """Find the first stale ranker of the scenario's ranker version.

    None if all are current, or the scenario imports its item vectors and trains none.
    """
    days = checkpoint_days(lake, scenario)
    if scenario.snapshots is not None or not days:
        return None
    chain = chain_digests(lake, scenario.name)
    parent = lake.manifest(checkpoint_partition(scenario, days[0]))
    if parent is not None and parent.inputs != first_inputs(lake, scenario, days[0]):
        return StaleRanker(days[0], _changed_before(parent, scenario, days[0]))
    for trained in days[1:]:
        day = trained - _ONE_DAY
        if day not in chain:
            return StaleRanker(trained, f"the log of {day} is no longer ingested")
        tables = {
            name: manifest
            for name in day_tables(scenario)
            if (manifest := lake.manifest(Partition(name, scenario.name, day))) is not None
        }
        for name in _ON_CLICKS:
            if name in tables and tables[name].inputs.get("log") != chain[day]:
                return StaleRanker(trained, f"{name} of {day} is not that of the log", True)
        ranker = lake.manifest(checkpoint_partition(scenario, trained))
        expected = checkpoint_inputs(scenario, parent, tables)
        if ranker is None or ranker.inputs != expected:
            return StaleRanker(trained, _changed(ranker, expected, day))
        parent = ranker
    return None


def _changed_before(first: Manifest, scenario: Scenario, day: date) -> str:
    if first.inputs.get("ranker") == ranker_version(scenario):
        return f"items of days before {day} changed after it was made"
    return "the ranker's design has changed since it was made"


def _changed(ranker: Manifest | None, expected: Mapping[str, str], day: date) -> str:
    stored = {} if ranker is None else ranker.inputs
    names = [name for name in expected if expected[name] != stored.get(name)]
    shown = " and ".join(name for name in names if name not in ("parent", "ranker"))
    if shown:
        return f"{shown} of {day} changed after it was trained"
    return f"the ranker of {day} changed after it was trained from that"
