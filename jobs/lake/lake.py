"""Reading the lake: manifests first, then exactly the files that they name."""

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
from jobs.lake.attempt import MANIFEST, Attempt
from jobs.lake.manifest import Manifest
from jobs.lake.partition import Partition
from jobs.lake.storage import Storage

_LOOKS = 5


class Lake:
    """All tables below one URI (``LIS_LAKE``; by default ``data/lake``)."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.storage = Storage(uri)

    @classmethod
    def from_environment(cls) -> Lake:
        return cls(os.environ.get("LIS_LAKE") or str(data_folder() / "lake"))

    def manifest(self, partition: Partition) -> Manifest | None:
        """The manifest of a published partition, or None where nothing is published."""
        content = self.storage.read(f"{partition.path}/{MANIFEST}")
        return None if content is None else Manifest.from_json(content)

    def require(self, partition: Partition, hint: str) -> Manifest:
        """As ``manifest``, for a partition that must be there.

        Raises:
            InputError: it is not; ``hint`` says what to run.
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
        """Days below which anything of a table may be published, ascending."""
        folders = self.storage.folders(f"{table}/scenario={scenario}")
        return [date.fromisoformat(name[3:]) for name in folders if name.startswith("ds=")]

    def is_published(self, partition: Partition) -> bool:
        return self.storage.exists(f"{partition.path}/{MANIFEST}")

    def keys_below(self, table: str, scenario: str, ds: date) -> list[tuple[tuple[str, str], ...]]:
        """The ``keys`` of all partitions published below a day, sorted."""
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
        """Paths below the lake of the partition's data files, in order, each checked for size."""
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
                    f"{self.storage.absolute(path)} is {size} bytes where its manifest says "
                    f"{file.size}: truncated or overwritten; remove its folder and rerun its day"
                )
            paths.append(path)
        return paths

    def read(self, partition: Partition, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a partition, in stored order.

        Raises:
            InputError: nothing is published there.
            AuditError: a data file does not have the size that the manifest gives.
        """
        tables = list(self.read_files(partition, columns))
        return pa.concat_tables(tables)

    def read_files(
        self, partition: Partition, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """As ``read``, one table a data file, so that a big day need not be held at once."""
        with self.open_files(partition) as streams:
            for stream in streams:
                yield pq.read_table(stream, columns=None if columns is None else list(columns))

    @contextmanager
    def open_files(self, partition: Partition) -> Iterator[list[pa.NativeFile]]:
        """Data files of a partition, all opened before the first is read.

        On a local disk an open file outlives its removal, so a partition that is replaced
        meanwhile is still read as it was.
        """
        for _ in range(_LOOKS):
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
        """Data files of a partition; looks again if it is replaced between manifest and files."""
        for _ in range(_LOOKS):
            manifest = self.require(partition, "run the step that makes it first")
            try:
                return self.paths(partition, manifest)
            except FileNotFoundError:
                if self.manifest(partition) == manifest:
                    raise _missing_file(partition) from None
        raise _replaced_too_often(partition)

    def spark_paths(self, partition: Partition) -> list[str]:
        """Data files of a partition as Spark reads them."""
        return [self.storage.spark_uri(path) for path in self.published_paths(partition)]

    @contextmanager
    def local_file(self, partition: Partition, name: str) -> Iterator[Path]:
        """A data file as a local path; a remote one is copied for the length of the block."""
        manifest = self.require(partition, "run the step that makes it first")
        stored = [file for file in manifest.files if file.name == name]
        if not stored:
            raise AuditError(f"{partition} holds no file named {name}")
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

    @contextmanager
    def attempt(self, partitions: Sequence[Partition]) -> Iterator[Attempt]:
        """Claim partitions for writing. See ``jobs.lake.attempt``."""
        attempt = Attempt(self.storage, partitions)
        try:
            yield attempt
        finally:
            attempt.close()


def _missing_file(partition: Partition) -> AuditError:
    return AuditError(
        f"{partition}: a data file that its manifest names is missing; "
        "remove the folder and run the day again"
    )


def _replaced_too_often(partition: Partition) -> AuditError:
    return AuditError(f"{partition} is being replaced over and over; try again later")
