"""Which checkpoints keep their files, and how the files of the others are made again.

A checkpoint takes as much space for a day of a hundred rows as for a day of a million, and most are
never read again. So old ones are *thinned*: their data files are removed and their manifests stay,
with the digest of every file. Training is deterministic, so the files are made again, to the same
bytes, from the last checkpoint before that has its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tqdm import tqdm

from jobs.common.errors import AuditError, FencedOut, InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, snapshot_partition
from jobs.ranker.model.checkpoint import read_checkpoint, write_ranker
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.rows.read_day import require_day
from jobs.ranker.training.current_rankers import checkpoint_inputs
from jobs.ranker.training.train_day import train_day
from jobs.ranker.training.train_next import train_next
from jobs.scenarios import Mode, Scenario
from jobs.scenarios.hints import lis_command

PROCESSES = "processes"
"""Fact of a checkpoint that several processes have trained: one process rounds differently."""

_ONE_DAY = timedelta(days=1)


def days_to_keep(scenario: Scenario, days: Sequence[date]) -> set[date]:
    """Return the days whose checkpoints keep their files.

    These are the first one, those that a daily run reads (the newest ones, as far back as the
    longest horizon and the fit window before it reach), and every k-th older one.

    Args:
        scenario: The scenario, with its horizons, fit window and k (``keep_checkpoints``).
        days: Days with a checkpoint, ascending.
    """
    if not days:
        return set()
    fits = any(mode != Mode.SWAP for mode in scenario.modes)
    reach = max(scenario.horizons, default=0) + (scenario.fit.days if fits else 0)
    newest = days[-1] - timedelta(days=reach)
    every = scenario.keep_checkpoints
    return {day for day in days if day >= newest or day.toordinal() % every == 0} | {days[0]}


def checkpoints_to_thin(lake: Lake, scenario: Scenario) -> list[tuple[Partition, Manifest]]:
    """The checkpoints that have files and need not keep them, see ``days_to_keep``.

    A checkpoint keeps them until its item table is published, and if several processes have
    trained it.
    """
    days = checkpoint_days(lake, scenario)
    found = []
    for day in sorted(set(days) - days_to_keep(scenario, days)):
        partition = checkpoint_partition(scenario, day)
        manifest = lake.manifest(partition)
        if manifest is None or PROCESSES in manifest.facts:
            continue
        snapshot = lake.manifest(snapshot_partition(scenario, day))
        is_exported = snapshot is not None and snapshot.inputs.get("checkpoint") == manifest.digest
        if is_exported and lake.has_files(partition, manifest):
            found.append((partition, manifest))
    return found


def thin_checkpoints(lake: Lake, scenario: Scenario) -> list[date]:
    """Remove the files of checkpoints that need not be kept.

    Returns:
        The days whose files were removed.
    """
    found = checkpoints_to_thin(lake, scenario)
    for partition, manifest in found:
        lake.drop_files(partition, manifest)
    return [partition.ds for partition, _ in found]


def restore_checkpoints(lake: Lake, scenario: Scenario, days: Iterable[date]) -> list[date]:
    """Make the files of thinned checkpoints again, to the same bytes.

    Those of the days in between are put back too, so that of days that are asked for one after the
    other each is trained on once. Days without a published checkpoint are left to the reader.

    Args:
        lake: Where rows and checkpoints are stored.
        scenario: The ranker's scenario.
        days: Days D whose M_D will be read.

    Returns:
        The days whose files were put back.

    Raises:
        InputError: If the log has changed since, or other hardware or versions of libraries give
            other bytes; the message names the command that trains the lineage again.
    """
    missing = [day for day in sorted(set(days)) if _is_thinned(lake, scenario, day)]
    if not missing:
        return []
    restored = []
    if missing[0] == (first := checkpoint_days(lake, scenario)[0]):
        # No day comes before the first one, whose ranker is untrained.
        _put_back(new_ranker(scenario), lake, scenario, first)
        restored.append(first)
    to_train = _days_to_train(lake, scenario, missing[len(restored) :])
    interval = 0.1 if sys.stderr.isatty() else 10
    progress = tqdm(
        to_train,
        f"train removed rankers {scenario.name}",
        unit="day",
        delay=3,
        mininterval=interval,
    )
    ranker, trained_until = None, None
    for day in progress:
        if ranker is None or trained_until != day:
            ranker = read_checkpoint(lake, scenario, day)
        trained_until = day + _ONE_DAY
        _train_again(ranker, lake, scenario, day)
    return restored + [day + _ONE_DAY for day in to_train]


def _train_again(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> None:
    """Turn M_D into M_{D+1}, and put the files of M_{D+1} back."""
    next_day = day + _ONE_DAY
    parent, child = (_manifest(lake, scenario, one) for one in (day, next_day))
    if child.inputs != checkpoint_inputs(scenario, parent, require_day(lake, scenario, day)):
        raise _changed(scenario, next_day, f"the log of {day} has changed since")
    train_next(ranker, lake, scenario, day, train_day)
    _put_back(ranker, lake, scenario, next_day)


def _put_back(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> None:
    """Write the files of M_D where they were removed."""
    manifest = _manifest(lake, scenario, day)
    with lake.attempt([]) as attempt:
        write_ranker(attempt, scenario, day, ranker, manifest)
        try:
            attempt.put_back(checkpoint_partition(scenario, day), manifest)
        except AuditError as error:
            fault = "another machine, or other versions of libraries, trained it"
            raise _changed(scenario, day, fault) from error
        except FencedOut as error:
            raise _changed(scenario, day, "it has just been trained anew") from error


def _days_to_train(lake: Lake, scenario: Scenario, missing: Sequence[date]) -> list[date]:
    """The days D, ascending, to train on so that the M_{D+1} of all missing days have files."""
    days: set[date] = set()
    published = set(checkpoint_days(lake, scenario))
    for day in missing:
        before = day - _ONE_DAY
        while before in published and before not in days:
            days.add(before)
            if not _is_thinned(lake, scenario, before):
                break
            before -= _ONE_DAY
    return sorted(days)


def _is_thinned(lake: Lake, scenario: Scenario, day: date) -> bool:
    partition = checkpoint_partition(scenario, day)
    manifest = lake.manifest(partition)
    return manifest is not None and not lake.has_files(partition, manifest)


def _manifest(lake: Lake, scenario: Scenario, day: date) -> Manifest:
    train = f"run {lis_command('train', scenario)}"
    return lake.require(checkpoint_partition(scenario, day), train)


def _changed(scenario: Scenario, day: date, fault: str) -> InputError:
    return InputError(
        f"the ranker of {day} of {scenario.name} was removed to save space and cannot be trained "
        f"again to the same bytes: {fault}: run {lis_command('train', scenario)}, "
        "with --restart if that trains nothing"
    )
