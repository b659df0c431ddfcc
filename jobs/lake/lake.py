"""Reading from the lake: a manifest first, then exactly the files that it lists."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from jobs.common.errors import AuditError, DamagedFile, InputError, first_line
from jobs.common.paths import data_folder
from jobs.lake.attempt import Attempt
from jobs.lake.dropped_manifests import DroppedManifests, dropped_path
from jobs.lake.manifest import Manifest, ManifestFault, NewerManifest
from jobs.lake.partition import MANIFEST, Partition, lock_path, manifest_path
from jobs.lake.read_check import ReadCheck, fault_of
from jobs.lake.storage import Storage

_MAX_TRIES = 5


def _day_of(folder: str) -> date | None:
    """The day in the name of a partition's folder; None for a folder that is no partition."""
    try:
        day = date.fromisoformat(folder.removeprefix("ds="))
    except ValueError:
        return None
    return day if folder == f"ds={day}" else None


class Lake:
    """All tables below one URI (``LIS_LAKE``; by default ``data/lake``)."""

    def __init__(self, uri: str, check: ReadCheck | None = None) -> None:
        """Open a lake; nothing is read or written yet.

        Args:
            uri: Local path or URI.
            check: What of a file is compared with its manifest before it is read; None for what
                the environment names.

        Raises:
            InputError: If the URI cannot be used, or the environment names no check.
        """
        self.uri = uri
        self._check = check or ReadCheck.from_environment()
        self.storage = Storage(uri)
        self.dropped = DroppedManifests(self.storage)

    @classmethod
    def from_environment(cls) -> Lake:
        """The lake at ``LIS_LAKE``, else below the data folder."""
        return cls(os.environ.get("LIS_LAKE") or str(data_folder() / "lake"))

    def manifest(self, partition: Partition) -> Manifest | None:
        """The manifest of a published partition, or None where nothing is published.

        Raises:
            DamagedFile: If it is damaged, or that of another partition.
            InputError: If it is of a later release, or cannot be read.
        """
        path = manifest_path(partition)
        try:
            content = self.storage.read(path)
            if content is None:
                path = dropped_path(partition)
                content = self.dropped.text(partition)
            if content is None:
                # It may have returned between the two.
                path = manifest_path(partition)
                content = self.storage.read(path)
            manifest = None if content is None else Manifest.from_json(content)
        except ManifestFault as error:
            raise self._damaged(partition, path, str(error)) from error
        except NewerManifest as error:
            raise InputError(f"{self.storage.shown(path)} is of {error}") from error
        except OSError as error:
            shown = self.storage.shown(path)
            raise InputError(f"{shown} cannot be read: {first_line(error)}") from error
        if manifest is not None and not manifest.is_of(partition):
            raise self._damaged(partition, path, "is the manifest of another partition")
        return manifest

    def require(self, partition: Partition, hint: str) -> Manifest:
        """The manifest of a partition that must be published.

        Raises:
            InputError: If it is not; ``hint`` says what to run.
        """
        manifest = self.manifest(partition)
        if manifest is None:
            raise InputError(f"nothing published at {partition}: {hint}")
        return manifest

    def days(self, table: str, scenario: str, keys: tuple[tuple[str, str], ...] = ()) -> list[date]:
        """Days on which the partition with these keys is published, ascending."""
        if not self.storage.is_local:
            # A listing is one request for a thousand files, and a look at one is one as well.
            below = self.storage.states_below(f"{table}/scenario={scenario}")
            days = {_day_of(folder.split("/")[2]) for folder in below if folder.count("/") > 1}
            places = {day: Partition(table, scenario, day, keys).path for day in days if day}
            published = {day for day, path in places.items() if MANIFEST in below.get(path, ())}
            dropped = self.dropped.partitions(table, scenario)
            return sorted(published | {one.ds for one in dropped if one.keys == keys})
        return [
            day
            for day in self.days_with_any(table, scenario)
            if self.is_published(Partition(table, scenario, day, keys))
        ]

    def days_with_any(self, table: str, scenario: str) -> list[date]:
        """Days with a folder of the table, whatever is published in it, ascending."""
        dropped = {one.ds for one in self.dropped.partitions(table, scenario)}
        folders = self.storage.folders(f"{table}/scenario={scenario}")
        return sorted(dropped | {day for name in folders if (day := _day_of(name)) is not None})

    def is_published(self, partition: Partition) -> bool:
        """Whether the partition has a manifest."""
        path = manifest_path(partition)
        return self.storage.exists(path) or partition in self.dropped or self.storage.exists(path)

    def keys_below(self, table: str, scenario: str, ds: date) -> list[tuple[tuple[str, str], ...]]:
        """The ``keys`` of all partitions of a table that are published for a day, sorted."""
        found = {one.keys for one in self.dropped.partitions_of(table, scenario, ds)}
        if not self.storage.is_local:
            below = self.storage.states_below(Partition(table, scenario, ds).path)
            paths = [folder for folder, files in below.items() if MANIFEST in files]
            return sorted(found | {Partition.parse(path).keys for path in paths})
        pending: list[tuple[tuple[str, str], ...]] = [()]
        while pending:
            keys = pending.pop()
            partition = Partition(table, scenario, ds, keys)
            if self.is_published(partition):
                found.add(keys)
            for name in self.storage.folders(partition.path):
                key, separator, value = name.partition("=")
                if separator:
                    pending.append((*keys, (key, value)))
        return sorted(found | {one.keys for one in self.dropped.partitions_of(table, scenario, ds)})

    def paths(
        self, partition: Partition, manifest: Manifest, suffix: str = ".parquet"
    ) -> list[str]:
        """Paths of the data files, relative to the lake and in order. The files are checked.

        Raises:
            FileNotFoundError: If a file is missing.
            DamagedFile: If a file does not hold what the manifest says.
        """
        paths = []
        for file in manifest.files:
            if not file.name.endswith(suffix):
                continue
            path = f"{partition.path}/{file.path}"
            fault = fault_of(self.storage, path, file, self._check)
            if fault is not None:
                raise self._damaged(partition, path, fault)
            paths.append(path)
        return paths

    def read(self, partition: Partition, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a partition, in stored order.

        Raises:
            InputError: If the partition is not published.
            DamagedFile: If a data file is missing or does not hold what the manifest says.
        """
        tables = list(self.read_files(partition, columns))
        return pa.concat_tables(tables)

    def read_files(
        self, partition: Partition, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """As ``read``, but one table per data file: a large day need not fit into memory."""
        with self.open_files(partition) as streams:
            for stream in streams:
                yield pq.read_table(stream, columns=None if columns is None else list(columns))

    @contextmanager
    def open_files(self, partition: Partition) -> Iterator[list[pa.NativeFile]]:
        """Data files of a partition, all opened before the first is read.

        On a local disk an open file outlives its removal, so a partition that is replaced while it
        is read still gives its old rows.
        """
        for _ in range(_MAX_TRIES):
            with ExitStack() as stack:
                try:
                    streams = [
                        stack.enter_context(
                            self.storage.filesystem.open_input_file(self.storage.absolute(path))
                        )
                        for path in self.published_paths(partition)
                    ]
                except FileNotFoundError:
                    continue
                yield streams
                return
        raise _replaced_too_often(partition)

    def published_paths(self, partition: Partition, suffix: str = ".parquet") -> list[str]:
        """Paths of the data files of a partition, which are checked.

        Tries again if the partition is replaced after its manifest was read.
        """
        for _ in range(_MAX_TRIES):
            manifest = self.require(partition, "run the step that publishes it first")
            try:
                return self.paths(partition, manifest, suffix)
            except FileNotFoundError as error:
                if self.manifest(partition) == manifest:
                    raise self._damaged(partition, str(error), "is missing") from None
        raise _replaced_too_often(partition)

    def check(self, partition: Partition) -> None:
        """Check all files of a partition, before tasks of Spark read it by themselves.

        What a task raises would reach the user as a traceback of Spark.

        Raises:
            InputError: If the partition is not published.
            DamagedFile: If a file is missing or does not hold what the manifest says.
        """
        self.published_paths(partition, suffix="")

    @contextmanager
    def local_file(self, partition: Partition, name: str) -> Iterator[Path]:
        """Local path of a data file; in object storage, of a copy that is deleted after the block.

        Raises:
            InputError: If the partition is not published.
            AuditError: If it has no such file.
            DamagedFile: If the file is missing or does not hold what the manifest says.
        """
        manifest = self.require(partition, "run the step that publishes it first")
        file = next((file for file in manifest.files if file.name == name), None)
        if file is None:
            raise AuditError(f"{partition} has no file named {name}")
        path = f"{partition.path}/{file.path}"
        with ExitStack() as stack:
            try:
                if self.storage.is_local:
                    target = Path(self.storage.absolute(path))
                    fault = fault_of(self.storage, path, file, self._check)
                else:
                    folder = stack.enter_context(tempfile.TemporaryDirectory())
                    target = Path(folder) / name
                    source = self.storage.filesystem
                    fs.copy_files(self.storage.absolute(path), str(target), source)
                    fault = fault_of(Storage(folder), name, file, self._check)
            except FileNotFoundError as error:
                raise self._damaged(partition, path, "is missing") from error
            if fault is not None:
                raise self._damaged(partition, path, fault)
            yield target

    def has_files(self, partition: Partition, manifest: Manifest) -> bool:
        """Whether all data files of a published partition are there: see ``drop_files``."""
        paths = (f"{partition.path}/{file.path}" for file in manifest.files)
        return all(self.storage.size(path) is not None for path in paths)

    def drop_files(self, partition: Partition, manifest: Manifest) -> None:
        """Remove the data files of a partition to save space, and keep its manifest.

        For content that can be made again to the same bytes: ``Attempt.put_back`` checks that it
        is. Nothing happens if the partition has been published again, or if the file that its
        manifest would move to is damaged.
        """
        with self.storage.lock(lock_path(partition)):
            if self.manifest(partition) != manifest:
                return
            text = self.storage.read(manifest_path(partition))
            if self.storage.is_local and text is not None:
                if self.dropped.is_damaged(partition):
                    return
                self.dropped.add(partition, text)
                self.storage.remove(manifest_path(partition))
            for file in manifest.files:
                self.storage.remove(f"{partition.path}/{file.path}")
            if not (self.storage.files(partition.path) or self.storage.folders(partition.path)):
                self.storage.remove(partition.path)

    def forget(self, partition: Partition) -> None:
        """Unpublish a partition, and remove its files."""
        with self.storage.lock(lock_path(partition)):
            self.dropped.forget(partition)
            self.storage.remove(partition.path)

    @contextmanager
    def attempt(self, partitions: Sequence[Partition]) -> Iterator[Attempt]:
        """Claim partitions for writing; see ``jobs.lake.attempt``."""
        attempt = Attempt(self.storage, partitions)
        try:
            yield attempt
        finally:
            attempt.close()

    def _damaged(self, partition: Partition, path: str, fault: str) -> DamagedFile:
        shown = self.storage.shown(path)
        return DamagedFile(shown, fault, partition.path, partition.scenario)


def _replaced_too_often(partition: Partition) -> AuditError:
    return AuditError(f"{partition} is replaced again and again while it is read; try again later")
