"""Damaged partitions: what is wrong with their files, and making room for new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jobs.lake.lake import Lake
from jobs.lake.manifest import Manifest
from jobs.lake.partition import Partition, lock_path, manifest_path
from jobs.lake.read_check import ReadCheck, fault_of


def faults(lake: Lake, partition: Partition, manifest: Manifest) -> dict[str, str]:
    """What is wrong with files of a partition, by their path in the lake.

    Args:
        lake: The lake.
        partition: The partition.
        manifest: Its manifest.
    """
    found = {}
    for file in manifest.files:
        path = f"{partition.path}/{file.path}"
        try:
            fault = fault_of(lake.storage, path, file, ReadCheck.CONTENT)
        except FileNotFoundError:
            fault = "is missing"
        if fault is not None:
            found[path] = fault
    return found


def remove_damaged(lake: Lake, partition: Partition, manifest: Manifest) -> None:
    """Remove the damaged files of a partition, so that they count as removed to save space."""
    with lake.storage.lock(lock_path(partition)):
        if lake.manifest(partition) == manifest:
            for path in faults(lake, partition, manifest):
                lake.storage.remove(path)


@contextmanager
def withdrawn(lake: Lake, partitions: Sequence[Partition]) -> Iterator[None]:
    """Unpublish partitions, so that what publishes them in the block finds them missing.

    If the block fails, those that it has not published again are as they were before.
    """
    manifests = {}
    for partition in partitions:
        with lake.storage.lock(lock_path(partition)):
            lake.dropped.remove_damaged(partition)
            content = lake.storage.read(manifest_path(partition)) or lake.dropped.text(partition)
            if content is not None:
                manifests[partition] = content
                lake.storage.remove(manifest_path(partition))
                lake.dropped.forget(partition)
    try:
        yield
    except BaseException:
        for partition, content in manifests.items():
            with lake.storage.lock(lock_path(partition)):
                lake.storage.create(manifest_path(partition), content)
        raise
