"""Reading from the lake: a manifest first, then exactly the files that it lists."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import AuditError, InputError
from jobs.common.paths import data_folder
from jobs.lake.attempt import MANIFEST, Attempt, lock_path
from jobs.lake.manifest import Manifest
from jobs.lake.partition import Partition
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

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.storage = Storage(uri)

    @classmethod
    def from_environment(cls) -> Lake:
        """The lake at ``LIS_LAKE``, else below the data folder."""
        return cls(os.environ.get("LIS_LAKE") or str(data_folder() / "lake"))

    def manifest(self, partition: Partition) -> Manifest | None:
        """The manifest of a published partition, or None where nothing is published."""
        content = self.storage.read(f"{partition.path}/{MANIFEST}")
        return None if content is None else Manifest.from_json(content)

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
        days = self.days_with_any(table, scenario)
        return [day for day in days if self.is_published(Partition(table, scenario, day, keys))]

    def days_with_any(self, table: str, scenario: str) -> list[date]:
        """Days with a folder of the table, whatever is published in it, ascending."""
        folders = self.storage.folders(f"{table}/scenario={scenario}")
        return [day for name in folders if (day := _day_of(name)) is not None]

    def is_published(self, partition: Partition) -> bool:
        """Whether the partition has a manifest."""
        return self.storage.exists(f"{partition.path}/{MANIFEST}")

    def keys_below(self, table: str, scenario: str, ds: date) -> list[tuple[tuple[str, str], ...]]:
        """The ``keys`` of all partitions of a table that are published for a day, sorted."""
        found: list[tuple[tuple[str, str], ...]] = []
        pending: list[tuple[tuple[str, str], ...]] = [()]
        while pending:
            keys = pending.pop()
            partition = Partition(table, scenario, ds, keys)
            if self.is_published(partition):
                found.append(keys)
            for name in self.storage.folders(partition.path):
                key, separator, value = name.partition("=")
                if separator:
                    pending.append((*keys, (key, value)))
        return sorted(found)

    def paths(
        self, partition: Partition, manifest: Manifest, suffix: str = ".parquet"
    ) -> list[str]:
        """Paths of the data files, relative to the lake and in order.

        Raises:
            FileNotFoundError: If a file is missing.
            AuditError: If a file does not have the size that the manifest gives.
        """
        paths = []
        for file in manifest.files:
            if not file.name.endswith(suffix):
                continue
            path = f"{partition.path}/{file.path}"
            size = self.storage.size(path)
            if size is None:
                raise FileNotFoundError(path)
            if size != file.size:
                raise AuditError(
                    f"{self.storage.absolute(path)} has {size} bytes, but {file.size} in its "
                    "manifest: it was truncated or overwritten; remove its folder and run the day "
                    "again"
                )
            paths.append(path)
        return paths

    def read(self, partition: Partition, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a partition, in stored order.

        Raises:
            InputError: If the partition is not published.
            AuditError: If a data file is missing or does not have the size in the manifest.
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

    def published_paths(self, partition: Partition) -> list[str]:
        """Paths of the data files of a partition.

        Tries again if the partition is replaced after its manifest was read.
        """
        for _ in range(_MAX_TRIES):
            manifest = self.require(partition, "run the step that publishes it first")
            try:
                return self.paths(partition, manifest)
            except FileNotFoundError:
                if self.manifest(partition) == manifest:
                    raise _missing_file(partition) from None
        raise _replaced_too_often(partition)

    def spark_paths(self, partition: Partition) -> list[str]:
        """URIs of the data files of a partition, as Spark reads them."""
        return [self.storage.spark_pattern(path) for path in self.published_paths(partition)]

    @contextmanager
    def local_file(self, partition: Partition, name: str) -> Iterator[Path]:
        """Local path of a data file; in object storage, of a copy that is deleted after the block.

        Raises:
            InputError: If the partition is not published.
            AuditError: If it has no such file, or the file is missing or of another size.
        """
        manifest = self.require(partition, "run the step that publishes it first")
        stored = [file for file in manifest.files if file.name == name]
        if not stored:
            raise AuditError(f"{partition} has no file named {name}")
        try:
            [path] = self.paths(partition, replace(manifest, files=tuple(stored)), suffix="")
        except FileNotFoundError as error:
            raise _missing_file(partition) from error
        if self.storage.is_local:
            yield Path(self.storage.absolute(path))
            return
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / name
            target.write_bytes(self.storage.read(path) or b"")
            yield target

    def has_files(self, partition: Partition, manifest: Manifest) -> bool:
        """Whether all data files of a published partition are there: see ``drop_files``."""
        paths = (f"{partition.path}/{file.path}" for file in manifest.files)
        return all(self.storage.size(path) is not None for path in paths)

    def drop_files(self, partition: Partition, manifest: Manifest) -> None:
        """Remove the data files of a partition to save space, and keep its manifest.

        For content that can be made again to the same bytes: ``Attempt.put_back`` checks that it
        is. Nothing happens if the partition has been published again.
        """
        with self.storage.lock(lock_path(partition)):
            if self.manifest(partition) == manifest:
                for file in manifest.files:
                    self.storage.remove(f"{partition.path}/{file.path}")

    @contextmanager
    def attempt(self, partitions: Sequence[Partition]) -> Iterator[Attempt]:
        """Claim partitions for writing; see ``jobs.lake.attempt``."""
        attempt = Attempt(self.storage, partitions)
        try:
            yield attempt
        finally:
            attempt.close()


def _missing_file(partition: Partition) -> AuditError:
    thinned = ""
    if partition.table in ("checkpoints", "snapshots"):
        thinned = (
            "if it was removed to save space, run lis train --scenario "
            f"{partition.scenario} --restore {partition.ds}; else "
        )
    return AuditError(
        f"{partition}: a data file of its manifest is missing; {thinned}"
        "remove the folder and run the day again"
    )


def _replaced_too_often(partition: Partition) -> AuditError:
    return AuditError(f"{partition} is replaced again and again while it is read; try again later")
