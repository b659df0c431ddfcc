"""Finds what of the lake need not be kept, and removes it.

Results name the manifests of all that they were computed from, by digests. No such manifest is ever
removed. Of rankers and item tables, data files alone are, where they can be made again to the same
bytes: see ``jobs.ranker.training.kept_checkpoints``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pyarrow import fs

from jobs.ingest.click_history import RECENT_CLICKS
from jobs.ingest.impression_statistics import RECENT_COUNTS
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.attempt import ABANDONED_AFTER_SECONDS, ATTEMPTS
from jobs.lake.object_store.publish import unused_files
from jobs.ranker.training.kept_checkpoints import checkpoints_to_thin
from jobs.scenarios import Scenario
from jobs.snapshots.kept_snapshots import snapshots_to_thin
from jobs.sources.contract.impression_rows import NO_DAY

_NEWEST_STATES = 7
"""Newest days whose states stay."""


class Leftover(StrEnum):
    """What need not be kept."""

    ATTEMPT = "what a stopped attempt has left"
    REPLACED = "files that others have replaced"
    RANKER = "files of a ranker that no horizon needs"
    ITEM_TABLE = "files of its item table"
    STATE = "states that no late day is computed from"
    QUARANTINE = "rows in quarantine"
    PREDICTIONS = "scores of single rows"


@dataclass(frozen=True)
class Removal:
    """Something that can be removed.

    Attributes:
        what: What it is.
        path: Its folder in the lake.
        files: Number of its files.
        size: Their size, in bytes.
        partition: The partition, None for what is none.
        manifest: The manifest of a partition that loses its files alone; None where all goes.
        paths: The files, if not all in the folder go.
    """

    what: Leftover
    path: str
    files: int
    size: int
    partition: Partition | None = None
    manifest: Manifest | None = None
    paths: tuple[str, ...] = ()


def removals(lake: Lake, scenario: Scenario) -> list[Removal]:
    """Find what need not be kept of a scenario, and what attempts on any table have left."""
    retention = scenario.retention
    found = [
        *_attempts(lake),
        *_replaced(lake, scenario),
        *_states(lake, scenario),
        *_old(Leftover.QUARANTINE, lake, scenario, "quarantine", retention.quarantine_days),
        *_old(Leftover.PREDICTIONS, lake, scenario, "predictions", retention.predictions_days),
    ]
    if scenario.snapshots is None:
        found += [_files(Leftover.RANKER, *one) for one in checkpoints_to_thin(lake, scenario)]
        found += [_files(Leftover.ITEM_TABLE, *one) for one in snapshots_to_thin(lake, scenario)]
    return found


def remove(lake: Lake, found: Sequence[Removal]) -> None:
    """Remove it. Rankers and item tables that have been published again since stay."""
    for one in found:
        if one.paths:
            for path in one.paths:
                lake.storage.remove(path)
        elif one.partition is None:
            lake.storage.remove(one.path)
        elif one.manifest is not None:
            lake.drop_files(one.partition, one.manifest)
        else:
            lake.forget(one.partition)


def _files(what: Leftover, partition: Partition, manifest: Manifest) -> Removal:
    size = sum(file.size for file in manifest.files)
    return Removal(what, partition.path, len(manifest.files), size, partition, manifest)


def _attempts(lake: Lake) -> list[Removal]:
    oldest = time.time() - ABANDONED_AFTER_SECONDS
    found = []
    for name in lake.storage.folders(ATTEMPTS):
        path = f"{ATTEMPTS}/{name}"
        files, newest = _listed(lake, path)
        if newest < oldest:
            size = sum(info.size or 0 for info in files)
            found.append(Removal(Leftover.ATTEMPT, path, len(files), size))
    return found


def _replaced(lake: Lake, scenario: Scenario) -> list[Removal]:
    """Files that readers in an object store may have needed after they were replaced."""
    storage = lake.storage
    if storage.is_local:
        return []
    found = []
    for table in storage.folders(""):
        below = storage.states_below(f"{table}/scenario={scenario.name}")
        for folder, present in sorted(below.items()):
            if not table.startswith("_") and (sizes := unused_files(storage, folder, present)):
                total = sum(sizes.values())
                removal = Removal(Leftover.REPLACED, folder, len(sizes), total, paths=tuple(sizes))
                found.append(removal)
    return found


def _old(
    what: Leftover, lake: Lake, scenario: Scenario, table: str, keep: int | None
) -> list[Removal]:
    """Partitions of old days. Days count from the newest of the log, which may have ended."""
    days = lake.days("impressions", scenario.name)
    if keep is None or not days:
        return []
    oldest = days[-1] - timedelta(days=keep)
    return [
        _folder(what, lake, Partition(table, scenario.name, day, keys))
        for day in lake.days_with_any(table, scenario.name)
        # Rows without a valid time may be of any day.
        if NO_DAY < day < oldest
        for keys in lake.keys_below(table, scenario.name, day)
    ]


def _states(lake: Lake, scenario: Scenario) -> list[Removal]:
    """Old states of click histories and statistics; without one, more days are read again.

    Those of the newest days stay, and every k-th older one as of rankers: a day that is ingested
    again is computed from the last one before it.
    """
    found = []
    for table in (RECENT_CLICKS, RECENT_COUNTS):
        days = lake.days(table, scenario.name)
        for day in days:
            age = (days[-1] - day).days
            is_kept = age <= max(_NEWEST_STATES, scenario.schedule.late_days + 1)
            if not is_kept and day.toordinal() % scenario.keep_checkpoints:
                found.append(_folder(Leftover.STATE, lake, Partition(table, scenario.name, day)))
    return found


def _folder(what: Leftover, lake: Lake, partition: Partition) -> Removal:
    files, _ = _listed(lake, partition.path)
    size = sum(info.size or 0 for info in files)
    return Removal(what, partition.path, len(files), size, partition)


def _listed(lake: Lake, path: str) -> tuple[list[fs.FileInfo], float]:
    """The files below a folder, and when anything below it was last written."""
    storage = lake.storage
    selector = fs.FileSelector(storage.absolute(path), recursive=True, allow_not_found=True)
    below = storage.filesystem.get_file_info(selector)
    folder = storage.filesystem.get_file_info(storage.absolute(path))
    times = [info.mtime.timestamp() for info in (folder, *below) if info.mtime is not None]
    return [info for info in below if info.type == fs.FileType.File], max(times, default=0.0)
