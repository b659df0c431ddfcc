"""Writing to the lake: an attempt writes files to its own folder, then replaces one manifest.

Data files are named by their content, so equal rows have equal paths and a rerun changes no byte.
In an object store, which has no locks, ``jobs.lake.object_store.publish`` replaces the manifest.
A claim fences attempts off: a later attempt on the same partition takes over the claim, and an
earlier one that is still running can no longer publish.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import AuditError, FencedOut
from jobs.lake.dropped_manifests import DroppedManifests
from jobs.lake.manifest import Manifest, StoredFile, Window
from jobs.lake.object_store.publish import fenced_out, publish_objects
from jobs.lake.partition import MANIFEST, Partition, claim_path, lock_path, manifest_path
from jobs.lake.storage import Storage

ATTEMPTS = "_attempts"
ABANDONED_AFTER_SECONDS = 24 * 3600
"""An attempt that has written nothing for so long has ended."""


class Attempt:
    """One attempt at writing some partitions. Nothing is visible to readers before ``publish``."""

    def __init__(self, storage: Storage, partitions: Sequence[Partition]) -> None:
        self.storage = storage
        self.id = uuid.uuid4().hex
        self.folder = f"{ATTEMPTS}/{self.id}"
        self._claimed = list(partitions)
        self._sweep()
        storage.make_folder(self.folder)
        try:
            self._claim()
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> str:
        """The attempt's folder as a path of Arrow's file system."""
        return self.storage.absolute(self.folder)

    def write_table(self, name: str, table: pa.Table, row_group_size: int = 1 << 17) -> None:
        """Write rows to one Parquet file of the attempt, such as ``day/part-00000.parquet``."""
        with self.storage.writer(f"{self.folder}/{name}") as stream:
            pq.write_table(table, stream, compression="zstd", row_group_size=row_group_size)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file of the attempt, such as ``ranker.json``."""
        self.storage.replace(f"{self.folder}/{name}", content)

    def publish(
        self,
        partition: Partition,
        *,
        below: str = "",
        inputs: Mapping[str, str],
        schema: pa.Schema | None = None,
        window: Window | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Atomically replace the content of a partition by the files in a folder of the attempt.

        Args:
            partition: one of the partitions that the attempt has claimed.
            below: folder within the attempt. Its Parquet files are numbered in order of name; if
                it has none, an empty table of the schema is published.
            inputs: digests of the data that the content was computed from, by name.
            schema: columns and types that every Parquet file must have.
            window: time window that the content was allowed to read; audited here.
            facts: further entries of the manifest.

        Returns:
            The published manifest.

        Raises:
            AuditError: If the files violate the schema, or the content has read events outside
                its window.
            FencedOut: If a newer attempt has claimed the partition.
        """
        _audit_window(partition, window)
        source = f"{self.folder}/{below}" if below else self.folder
        if schema is not None and not self._data_files(source):
            prefix = f"{below}/" if below else ""
            self.write_table(f"{prefix}part-00000.parquet", schema.empty_table())
        staged = self._staged(source, schema)
        manifest = Manifest(
            table=partition.table,
            scenario=partition.scenario,
            ds=partition.ds.isoformat(),
            keys=dict(partition.keys),
            files=tuple(file for _, file in staged),
            inputs=dict(sorted(inputs.items())),
            window=window,
            facts=dict(facts or {}),
        )
        if not self.storage.is_local:
            sources = [path for path, _ in staged]
            manifest = publish_objects(self.storage, partition, manifest, sources, self.id)
            self._claimed.remove(partition)
            return manifest
        with self.storage.lock(lock_path(partition)):
            self._check_claim(partition)
            for path, file in staged:
                self.storage.move(path, f"{partition.path}/{file.path}")
            self.storage.replace(manifest_path(partition), manifest.to_json().encode())
            DroppedManifests(self.storage).forget(partition)
            kept = {MANIFEST, *(file.path for file in manifest.files)}
            for name in set(self.storage.files(partition.path)) - kept:
                self.storage.remove(f"{partition.path}/{name}")
            self._release(partition)
        return manifest

    def put_back(self, partition: Partition, manifest: Manifest) -> None:
        """Move the attempt's files to a published partition whose own were dropped.

        Nothing is claimed: the partition's content does not change.

        Raises:
            AuditError: If the files are not those of the manifest, to the byte.
            FencedOut: If the partition has been published again with other content.
        """
        staged = self._staged(self.folder, None)
        if not _same_content([file for _, file in staged], manifest.files):
            raise AuditError(f"{partition}: its files were made again and are not the same")
        with self.storage.lock(lock_path(partition)):
            # Not compared as bytes: those of an earlier release differ in their version.
            content = self.storage.read(manifest_path(partition))
            dropped = DroppedManifests(self.storage)
            content = content or dropped.text(partition)
            if content is None or Manifest.from_json(content) != manifest:
                raise FencedOut(f"{partition}: was replaced while its files were made again")
            for (path, _), file in zip(staged, manifest.files, strict=True):
                self.storage.move(path, f"{partition.path}/{file.path}")
            if self.storage.is_local:
                self.storage.create(manifest_path(partition), content)
                dropped.forget(partition)

    def close(self) -> None:
        """Remove the attempt's folder and those claims that no newer attempt has taken over."""
        self.storage.remove(self.folder)
        if not self.storage.is_local:
            return
        for partition in list(self._claimed):
            with self.storage.lock(lock_path(partition)):
                if self.storage.read(claim_path(partition)) == self.id.encode():
                    self._release(partition)

    def _claim(self) -> None:
        claims = {claim_path(partition): self.id.encode() for partition in self._claimed}
        if not self.storage.is_local:
            objects = self.storage.objects
            objects.put_all({self.storage.absolute(path): own for path, own in claims.items()})
            return
        for partition in self._claimed:
            with self.storage.lock(lock_path(partition)):
                # A failure of power ends all attempts, so claims need not outlive it.
                path = claim_path(partition)
                self.storage.replace(path, claims[path], durable=False)

    def _check_claim(self, partition: Partition) -> None:
        if self.storage.read(claim_path(partition)) != self.id.encode():
            raise fenced_out(partition)

    def _release(self, partition: Partition) -> None:
        self.storage.remove(claim_path(partition))
        self._claimed.remove(partition)

    def _staged(self, source: str, schema: pa.Schema | None) -> list[tuple[str, StoredFile]]:
        staged = []
        parquet = 0
        for original in self._data_files(source):
            path = f"{source}/{original}"
            name, rows = original, 0
            if original.endswith(".parquet"):
                name = f"part-{parquet:05d}.parquet" if original.startswith("part-") else original
                parquet += 1
                rows = self._audit_file(path, schema if name.startswith("part-") else None)
            digest = self.storage.sha256(path)
            stem, dot, suffix = name.partition(".")
            stored = StoredFile(
                name=name,
                path=f"{stem}-{digest[:16]}{dot}{suffix}",
                size=self.storage.size(path) or 0,
                sha256=digest,
                rows=rows,
            )
            staged.append((path, stored))
        return staged

    def _data_files(self, source: str) -> list[str]:
        """Names of the data files, sorted, without the markers and checksums that Spark adds."""
        return [name for name in self.storage.files(source) if name[0] not in "_."]

    def _audit_file(self, path: str, schema: pa.Schema | None) -> int:
        with self.storage.filesystem.open_input_file(self.storage.absolute(path)) as stream:
            file = pq.ParquetFile(stream)
            if schema is not None:
                actual = file.schema_arrow
                for field in schema:
                    index = actual.get_field_index(field.name)
                    kind = actual.field(index).type if index >= 0 else None
                    if kind is None or not same_type(kind, field.type):
                        raise AuditError(
                            f"{path}: column {field.name!r} must be {field.type}, "
                            f"is {'missing' if kind is None else kind}"
                        )
            return int(file.metadata.num_rows)

    def _sweep(self) -> None:
        oldest = time.time() - ABANDONED_AFTER_SECONDS
        for name in self.storage.folders(ATTEMPTS):
            if 0 < self.storage.last_written(f"{ATTEMPTS}/{name}") < oldest:
                self.storage.remove(f"{ATTEMPTS}/{name}")


def same_type(actual: pa.DataType, expected: pa.DataType) -> bool:
    """Whether a stored type meets a contract; names of time zones and list fields may differ."""
    if pa.types.is_list(expected) and pa.types.is_list(actual):
        return same_type(actual.value_type, expected.value_type)
    if pa.types.is_fixed_size_list(expected):
        is_list = pa.types.is_list(actual) or pa.types.is_fixed_size_list(actual)
        return is_list and same_type(actual.value_type, expected.value_type)
    if pa.types.is_timestamp(expected) and pa.types.is_timestamp(actual):
        return bool(actual.unit == expected.unit and bool(actual.tz) == bool(expected.tz))
    return bool(actual == expected)


def _same_content(files: Sequence[StoredFile], others: Sequence[StoredFile]) -> bool:
    """Whether files are the same to the byte, wherever they are."""
    return [replace(file, path="") for file in files] == [replace(file, path="") for file in others]


def _audit_window(partition: Partition, window: Window | None) -> None:
    if window is None or window.max_ts is None:
        return
    if window.max_ts >= window.end or (window.start is not None and window.max_ts < window.start):
        raise AuditError(
            f"{partition}: has read an event of {window.max_ts}, outside its window "
            f"[{window.start or 'first event'}, {window.end})"
        )
