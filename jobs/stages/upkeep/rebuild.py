"""Makes a damaged partition of the lake again, from what it was made from."""

from __future__ import annotations

import logging
from enum import Enum

from jobs.common.errors import DamagedFile, InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import RANKER, ranker_version, snapshot_version
from jobs.scenarios import Scenario
from jobs.stages.upkeep.makers import MAKERS, Damaged
from jobs.stages.upkeep.repair import faults

log = logging.getLogger("jobs")


class Outcome(Enum):
    """What became of a partition, as the rest of a sentence that begins with its path."""

    SOUND = "is as its manifest says: nothing is rebuilt"
    SAME = "is rebuilt, with the same content"
    OTHER = (
        "is rebuilt, with other content than before: what was computed from that is stale, and the "
        "next run computes it again"
    )
    UNKNOWN = (
        "is rebuilt; its manifest was damaged, so it cannot be compared with what it was before"
    )
    REMOVED = "is removed: the run that needs it makes it again"


def rebuild(lake: Lake, scenario: Scenario, partition: Partition, raw: str | None) -> Outcome:
    """Make a partition again if a file of it is damaged.

    If that fails, the partition is still published as it was, and still refused.

    Args:
        lake: The lake.
        scenario: The scenario of the partition.
        partition: The partition.
        raw: Path or URI of the log; None for where the scenario says that it is.

    Raises:
        InputError: If it is no partition that can be made again, or what it was made from cannot be
            read.
    """
    make = MAKERS.get(partition.table)
    if make is None:
        tables = ", ".join(MAKERS)
        raise InputError(f"{partition}: no table {partition.table}: it is one of {tables}")
    if partition.scenario != scenario.name:
        raise InputError(
            f"{partition} is of scenario {partition.scenario}, but {scenario.given_as} is "
            f"{scenario.name}: give the other one as --scenario"
        )
    _check_ranker(scenario, partition)
    try:
        manifest = lake.manifest(partition)
    except DamagedFile as error:
        log.info("%s %s", error.file, error.fault)
        manifest = None
    else:
        if manifest is None:
            raise InputError(
                f"nothing is published at {partition}, so nothing is damaged: the run that needs "
                "it makes it"
            )
        found = faults(lake, partition, manifest)
        if not found:
            return Outcome.SOUND
        for path, fault in found.items():
            log.info("%s %s", lake.storage.shown(path), fault)
    make(Damaged(lake, scenario, partition, manifest, raw))
    made = lake.manifest(partition)
    if made is None:
        return Outcome.REMOVED
    if manifest is None:
        return Outcome.UNKNOWN
    return Outcome.SAME if made.digest == manifest.digest else Outcome.OTHER


def _check_ranker(scenario: Scenario, partition: Partition) -> None:
    # A search for options has rankers that are not the scenario's.
    if partition.table == "tuning":
        return
    version = snapshot_version if partition.table == "snapshots" else ranker_version
    stored = dict(partition.keys).get(RANKER)
    if stored is not None and stored != version(scenario):
        raise InputError(
            f"{partition} is of ranker {stored}, but that of {scenario.name} is "
            f"{version(scenario)}: give the scenario with the options that it had, or remove the "
            "folder if it is not needed any more"
        )
