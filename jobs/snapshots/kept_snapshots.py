"""Old item tables lose their files like the checkpoints that they come from, and get them back.

See ``jobs.ranker.training.kept_checkpoints``: the rule is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from jobs.common.errors import AuditError, FencedOut, InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, snapshot_partition
from jobs.ranker.training.kept_checkpoints import days_to_keep, restore_checkpoints
from jobs.scenarios import ITEM, Scenario
from jobs.scenarios.hints import lis_command
from jobs.snapshots.checkpoint_rows import ranges_of_slot, read_slot
from jobs.snapshots.snapshot_files import parquet_bytes, part_name


def snapshots_to_thin(lake: Lake, scenario: Scenario) -> list[tuple[Partition, Manifest]]:
    """The item tables that have files, of days whose checkpoints need not be kept."""
    days = checkpoint_days(lake, scenario)
    found = []
    for day in sorted(set(days) - days_to_keep(scenario, days)):
        partition = snapshot_partition(scenario, day)
        manifest, checkpoint = lake.manifest(partition), _checkpoint(lake, scenario, day)
        if manifest is None or not manifest.rows:
            continue
        if manifest.inputs.get("checkpoint") != checkpoint.digest:
            continue
        if lake.has_files(partition, manifest):
            found.append((partition, manifest))
    return found


def thin_snapshots(lake: Lake, scenario: Scenario) -> list[date]:
    """Remove the files of item tables of days whose checkpoints need not be kept.

    Returns:
        The days whose files were removed.
    """
    found = snapshots_to_thin(lake, scenario)
    for partition, manifest in found:
        lake.drop_files(partition, manifest)
    return [partition.ds for partition, _ in found]


def restore_snapshots(lake: Lake, scenario: Scenario, days: Iterable[date]) -> list[date]:
    """Make the files of item tables that were removed again, to the same bytes.

    Imported tables are never removed, and days without a published table are left to the reader.

    Returns:
        The days whose files were put back.

    Raises:
        InputError: If a table's checkpoint cannot be trained again to the same bytes, or has
            changed since the table was published.
    """
    thinned = {}
    for day in sorted(set(days)):
        manifest = lake.manifest(snapshot_partition(scenario, day))
        if manifest is not None and not lake.has_files(snapshot_partition(scenario, day), manifest):
            thinned[day] = manifest
    restore_checkpoints(lake, scenario, thinned)
    for day, manifest in thinned.items():
        _export_again(lake, scenario, day, manifest)
    return list(thinned)


def _export_again(lake: Lake, scenario: Scenario, day: date, manifest: Manifest) -> None:
    checkpoint = _checkpoint(lake, scenario, day)
    with lake.attempt([]) as attempt:
        for part in ranges_of_slot(day, checkpoint, ITEM):
            rows = read_slot(lake, scenario, ITEM, part)
            attempt.write_bytes(part_name(part), parquet_bytes(rows))
        try:
            attempt.put_back(snapshot_partition(scenario, day), manifest)
        except (AuditError, FencedOut) as error:
            raise InputError(
                f"the item table of {day} of {scenario.name} was removed to save space, and its "
                f"ranker has changed since: run {lis_command('train', scenario)}"
            ) from error


def _checkpoint(lake: Lake, scenario: Scenario, day: date) -> Manifest:
    hint = f"run {lis_command('train', scenario)}"
    return lake.require(checkpoint_partition(scenario, day), hint)
