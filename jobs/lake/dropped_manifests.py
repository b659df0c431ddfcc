"""Manifests of partitions whose data files were removed to save space: one file a month.

Most rankers and item tables of a long log have lost their files, and a small file for each would be
most of what a lake of a small log consists of. A manifest in the partition's own folder comes
first, so that what is published again counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from jobs.common.errors import InputError
from jobs.lake.location import FileState
from jobs.lake.manifest import ManifestFault
from jobs.lake.partition import Partition
from jobs.lake.storage import Storage

_LOCK = "_claims/lock-dropped"
Entries = Mapping[Partition, Mapping[str, Any]]


class DroppedManifests:
    """The manifests without data files of a lake; a file is read again only when it has changed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._read: dict[str, tuple[FileState, Entries | None]] = {}

    def text(self, partition: Partition) -> bytes | None:
        """The text of a partition's manifest; None if it is not here.

        Raises:
            ManifestFault: If the file of its month is damaged, so that it may have been there.
        """
        entries = self._entries(dropped_path(partition))
        if entries is None:
            raise ManifestFault("has lost the manifests that were in it")
        entry = entries.get(partition)
        # In the form of ``Manifest.to_json``, so that it returns to its place as it was.
        return None if entry is None else _text(entry)

    def __contains__(self, partition: Partition) -> bool:
        """Whether a partition has its manifest here."""
        return partition in (self._entries(dropped_path(partition)) or {})

    def partitions(self, table: str, scenario: str) -> set[Partition]:
        """All partitions of a table that have their manifests here, but those of damaged files."""
        folder = _folder(table, scenario)
        paths = [f"{folder}/{name}" for name in self._storage.files(folder) if name[0] != "."]
        return {partition for path in paths for partition in self._entries(path) or {}}

    def partitions_of(self, table: str, scenario: str, ds: date) -> set[Partition]:
        """Those of a day."""
        entries = self._entries(dropped_path(Partition(table, scenario, ds))) or {}
        return {partition for partition in entries if partition.ds == ds}

    def add(self, partition: Partition, text: bytes) -> None:
        """Keep the text of a partition's manifest, on a local disk."""
        self._change(partition, json.loads(text))

    def forget(self, partition: Partition) -> None:
        """Keep a partition's manifest no longer. A damaged file stays, and is still refused."""
        if partition in self:
            self._change(partition, None)

    def is_damaged(self, partition: Partition) -> bool:
        """Whether the file that a partition's manifest moves to cannot be read."""
        return self._entries(dropped_path(partition)) is None

    def remove_damaged(self, partition: Partition) -> None:
        """Remove that file if it is damaged: all that it told of counts as not published."""
        if self.is_damaged(partition):
            self._storage.remove(dropped_path(partition))

    def _change(self, partition: Partition, entry: Mapping[str, Any] | None) -> None:
        path = dropped_path(partition)
        with self._storage.lock(_LOCK):
            # Not from memory: another process may have changed it a moment ago.
            stored = _parsed(self._storage.read(path)) or {}
            entries = {one.path: kept for one, kept in stored.items()}
            entries.pop(partition.path, None)
            if entry is not None:
                entries[partition.path] = entry
            if entries:
                self._storage.replace(path, _text(entries))
            else:
                self._storage.remove(path)

    def _entries(self, path: str) -> Entries | None:
        """The manifests in a file by their partitions; None if it is damaged."""
        state = self._storage.state(path)
        if state is None:
            return {}
        known = self._read.get(path)
        if known is None or known[0] != state:
            known = self._read[path] = state, _parsed(self._storage.read(path))
        return known[1]


def dropped_path(partition: Partition) -> str:
    """The file that a partition's manifest moves to when its data files are removed."""
    return f"{_folder(partition.table, partition.scenario)}/{partition.ds:%Y-%m}.json"


def _folder(table: str, scenario: str) -> str:
    return f"{table}/scenario={scenario}/_dropped"


def _text(content: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(content, indent=1, sort_keys=True)}\n".encode()


def _parsed(text: bytes | None) -> Entries | None:
    try:
        entries = {} if text is None else json.loads(text)
        return {Partition.parse(path): dict(entry) for path, entry in entries.items()}
    except (ValueError, TypeError, AttributeError, RecursionError, InputError):
        return None
