"""Publishing a partition in an object store, where nothing can be locked.

The manifest is written on the condition that it is still the one that was read before the claim was
found to be the attempt's own. So an attempt that has lost its claim since can publish only before
the newer one does, never over it. That rests on three properties of what is written:

- No two manifests have the same bytes, as each names the attempt that has published it. So the tag
  of a manifest never comes back, and a condition cannot hold by chance.
- No two attempts write the same data file, and a manifest takes over files of the one that it
  replaces alone. So a file that no manifest lists is never listed again, and can be removed.
- A replaced file stays for a day, for those who have read the manifest that lists it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from jobs.common.errors import FencedOut
from jobs.lake.location import FileState
from jobs.lake.manifest import Manifest, ManifestFault, NewerManifest, StoredFile
from jobs.lake.object_store.objects import VersionedObject
from jobs.lake.partition import MANIFEST, Partition, claim_path, manifest_path
from jobs.lake.storage import Storage

REPLACED_STAY_SECONDS = 24 * 3600
_MAX_TRIES = 10


def publish_objects(
    storage: Storage, partition: Partition, manifest: Manifest, sources: Sequence[str], attempt: str
) -> Manifest:
    """Replace the content of a partition.

    Args:
        storage: The lake's.
        partition: The partition.
        manifest: Its new manifest; the paths of the files are not final.
        sources: Where the attempt has written the files, in the order of the manifest.
        attempt: Id of the attempt.

    Returns:
        The published manifest.

    Raises:
        FencedOut: If a newer attempt has claimed the partition. Nothing is left of this one there.
    """
    objects, path = storage.objects, storage.absolute(manifest_path(partition))
    copied: list[str] = []
    try:
        for _ in range(_MAX_TRIES):
            before = objects.get(path)
            if storage.read(claim_path(partition)) != attempt.encode():
                break
            present = storage.states(partition.path)
            files = _placed(storage, partition, manifest, sources, before, present, attempt, copied)
            published = replace(manifest, files=files)
            content = published.to_json(attempt).encode()
            if _is_written(storage, path, content, before):
                copied = []
                for name in _unused(present, _listed(before)) - {file.path for file in files}:
                    storage.remove(f"{partition.path}/{name}")
                return published
    finally:
        for target in copied:
            storage.remove(target)
    raise fenced_out(partition)


def fenced_out(partition: Partition) -> FencedOut:
    """The error of an attempt that may no longer publish."""
    return FencedOut(f"{partition}: a newer attempt has claimed it; this one publishes nothing")


def _is_written(
    storage: Storage, path: str, content: bytes, before: VersionedObject | None
) -> bool:
    etag = None if before is None else before.etag
    if storage.objects.put_if_unchanged(path, content, etag):
        return True
    # The answer to a first try may have been lost, and the condition does not hold for the second.
    after = storage.objects.get(path)
    return after is not None and after.content == content


def _placed(
    storage: Storage,
    partition: Partition,
    manifest: Manifest,
    sources: Sequence[str],
    before: VersionedObject | None,
    present: Mapping[str, FileState],
    attempt: str,
    copied: list[str],
) -> tuple[StoredFile, ...]:
    """Copy the files to the partition, unless the manifest before lists the same ones.

    Args:
        storage: The lake's.
        partition: The partition.
        manifest: Its new manifest.
        sources: Where the files are.
        before: The manifest that is to be replaced.
        present: The files that are there.
        attempt: Id of the attempt.
        copied: Paths of those that are copied; the new ones are added.
    """
    listed = {(file.name, file.sha256): file for file in _listed(before)}
    placed = []
    for source, file in zip(sources, manifest.files, strict=True):
        same = listed.get((file.name, file.sha256))
        state = None if same is None else present.get(same.path)
        if same is not None and state is not None and state.size == file.size:
            placed.append(replace(file, path=same.path))
            continue
        stem, dot, suffix = file.path.partition(".")
        own = replace(file, path=f"{stem}-{attempt}{dot}{suffix}")
        target = f"{partition.path}/{own.path}"
        if target not in copied:
            storage.objects.copy(storage.absolute(source), storage.absolute(target))
            copied.append(target)
        placed.append(own)
    return tuple(placed)


def _listed(stored: VersionedObject | None) -> tuple[StoredFile, ...]:
    """The files that a manifest lists; none if it is damaged or of a later release."""
    try:
        return () if stored is None else Manifest.from_json(stored.content).files
    except (ManifestFault, NewerManifest):
        return ()


def unused_files(storage: Storage, folder: str, present: Mapping[str, FileState]) -> dict[str, int]:
    """Size of each file of a partition that was replaced more than a day ago, by its path.

    Args:
        storage: The lake's.
        folder: Folder of the partition.
        present: Its files.
    """
    if not _unused(present, ()):
        return {}
    before = storage.objects.get(storage.absolute(f"{folder}/{MANIFEST}"))
    names = _unused(present, _listed(before))
    return {f"{folder}/{name}": present[name].size for name in sorted(names)}


def _unused(present: Mapping[str, FileState], listed: Sequence[StoredFile]) -> set[str]:
    """Names of files that no manifest has listed for so long that nobody reads them any more.

    Args:
        present: All files of a partition.
        listed: Those that its manifest lists.
    """
    oldest = (time.time() - REPLACED_STAY_SECONDS) * 1e9
    manifest = present.get(MANIFEST)
    if manifest is not None and manifest.mtime_ns > oldest:
        return set()
    old = {name for name, state in present.items() if state.mtime_ns < oldest}
    return old - {MANIFEST} - {file.path for file in listed}
